#include "support/populate.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/mman.h>
#include <unistd.h>

#include "support/files.h"

namespace rlx {
namespace {

constexpr size_t kBytes = size_t{24} << 20;

std::string sparse_file() {
  std::string name =
      std::filesystem::temp_directory_path() / ("rlx_populate_" + std::to_string(::getpid()));
  std::ofstream(name, std::ios::binary).put('x');
  std::filesystem::resize_file(name, kBytes);
  return name;
}

size_t resident_pages(Bytes bytes) {
  Vec<unsigned char> pages(bytes.size() / 4096);
  REQUIRE(::mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), pages.data()) == 0);
  size_t count = 0;
  for (const unsigned char page : pages) count += page & 1U;
  return count;
}

}  // namespace

TEST_CASE("what is mapped is brought in beside") {
  const std::string name = sparse_file();
  auto file = MappedFile::open(name);
  REQUIRE(file.ok());
  const Bytes bytes = (*file)->bytes();
  {
    const Populating populating({bytes});
    // It ends at some time, or the test is stopped.
    while (resident_pages(bytes) < bytes.size() / 4096) ::usleep(1000);
  }
  std::filesystem::remove(name);
}

TEST_CASE("what is brought in begins anywhere in a page") {
  const std::string name = sparse_file();
  auto file = MappedFile::open(name);
  REQUIRE(file.ok());
  const Bytes bytes = (*file)->bytes();
  {
    const Populating populating({bytes.subspan(100)});
    while (resident_pages(bytes) < bytes.size() / 4096) ::usleep(1000);
  }
  std::filesystem::remove(name);
}

TEST_CASE("bringing in may end before it is done") {
  const std::string name = sparse_file();
  auto file = MappedFile::open(name);
  REQUIRE(file.ok());
  for (int i = 0; i < 20; ++i) {
    const Populating populating({(*file)->bytes(), (*file)->bytes()});
  }
  // Pages that are gone are nobody's fault here.
  std::filesystem::resize_file(name, 4096);
  const Populating populating({(*file)->bytes()});
  std::filesystem::remove(name);
}

}  // namespace rlx
