#include "runtime/cpu/cores.h"

#include <catch2/catch.hpp>
#include <climits>
#include <filesystem>

#include "support/files.h"

namespace rlx::runtime::cpu {
namespace {

namespace fs = std::filesystem;

class Groups {
 public:
  Groups() : root_(fs::temp_directory_path() / "rlx_cores_test") { fs::create_directories(root_); }
  ~Groups() { fs::remove_all(root_); }

  void set(const std::string& group, std::string_view text) const {
    fs::create_directories(root_ / group);
    REQUIRE(write_file(root_ / group / "cpu.max", bytes_of(text)).ok());
  }
  int granted(const std::string& path) const { return granted_cpus(root_, path); }

 private:
  fs::path root_;
};

TEST_CASE("the smallest grant on the way up counts, rounded up") {
  Groups groups;
  CHECK(groups.granted("/") == INT_MAX);
  groups.set("a/b", "max 100000\n");
  CHECK(groups.granted("/a/b") == INT_MAX);
  groups.set("a/b", "250000 100000\n");
  CHECK(groups.granted("/a/b") == 3);
  groups.set("a", "100000 100000\n");
  CHECK(groups.granted("/a/b") == 1);
  CHECK(groups.granted("/a/c") == 1);
  groups.set("a", "nonsense\n");
  CHECK(groups.granted("/a/b") == 3);
  groups.set("", "50000 100000\n");
  CHECK(groups.granted("/a/b") == 1);
  CHECK(groups.granted("/") == 1);
}

TEST_CASE("CPUs are idle where fewer than there are run") {
  CHECK(has_idle_cpus("0.20 0.18 0.12 0/80 11206\n", 1));
  CHECK(!has_idle_cpus("0.20 0.18 0.12 0/80 11206\n", INT_MAX));
  CHECK(!has_idle_cpus("0.20 0.18 0.12 99999/100000 11206\n", 1));
  for (const char* nonsense : {"", "0.20", "0.20 0.18 0.12", "0.20 0.18 0.12 ", "a b c d"}) {
    CHECK(!has_idle_cpus(nonsense, 1));
  }
}

TEST_CASE("there is at least one thread") { CHECK(default_threads() >= 1); }

}  // namespace
}  // namespace rlx::runtime::cpu
