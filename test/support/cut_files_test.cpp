#include "support/cut_files.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "support/files.h"

namespace rlx {
namespace {

namespace fs = std::filesystem;

void on_bus_error(int, siginfo_t* info, void*) {
  if (handle_cut_file(info->si_addr) != CutFile::kFilled) ::_exit(1);
}

// Handles SIGBUS as the tools do, for the length of a test.
class BusHandler {
 public:
  BusHandler() {
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    REQUIRE(::sigaction(SIGBUS, &action, &before_) == 0);
  }
  ~BusHandler() { ::sigaction(SIGBUS, &before_, nullptr); }

 private:
  struct sigaction before_;
};

TEST_CASE("a mapped file that is cut reads as zeros from there on, and says so") {
  BusHandler handler;
  std::string name = (fs::temp_directory_path() / "rlx-cut-XXXXXX").string();
  int fd = ::mkstemp(name.data());
  REQUIRE(fd >= 0);
  REQUIRE(write_file(name, bytes_of(std::string(20000, 'x'))).ok());
  auto file = MappedFile::open(name);
  REQUIRE(file.ok());
  CHECK((*file)->check_unchanged().ok());
  int before = cut_files();
  fs::resize_file(name, 5000);
  Bytes bytes = (*file)->bytes();
  CHECK(bytes[100] == std::byte{'x'});
  CHECK(bytes[15000] == std::byte{0});
  CHECK(bytes[19999] == std::byte{0});
  CHECK(cut_files() == before + 1);
  CHECK((*file)->check_unchanged().error().first().code == 3021);
  ::close(fd);
  fs::remove(name);
}

TEST_CASE("an address of no file is nothing to fill") {
  int here = 0;
  CHECK(handle_cut_file(&here) == CutFile::kNone);
  MappedRange end(Bytes(reinterpret_cast<const std::byte*>(&here), sizeof here),
                  MappedRange::IfCut::kEnd);
  CHECK(handle_cut_file(&here) == CutFile::kEnd);
  CHECK(!end.was_cut());
  end = {};
  CHECK(handle_cut_file(&here) == CutFile::kNone);
}

}  // namespace
}  // namespace rlx
