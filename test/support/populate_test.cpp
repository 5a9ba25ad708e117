#include "support/populate.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include <sys/mman.h>

#include "support/big_pages.h"
#include "support/result.h"

namespace rlx {
namespace {

size_t resident_pages(std::span<std::byte> bytes) {
  Vec<unsigned char> pages(bytes.size() / 4096);
  REQUIRE(::mincore(bytes.data(), bytes.size(), pages.data()) == 0);
  size_t count = 0;
  for (const unsigned char page : pages) count += page & 1U;
  return count;
}

}  // namespace

TEST_CASE("memory that is about to be written comes at once, but for parts of pages") {
  constexpr size_t kBytes = size_t{1} << 20;
  void* mapped =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  const std::span all(static_cast<std::byte*>(mapped), kBytes);
  REQUIRE(::madvise(mapped, kBytes, MADV_NOHUGEPAGE) == 0);
  populate_for_writing(all.subspan(100, kBytes - 200));
  CHECK(resident_pages(all) == kBytes / 4096 - 2);
  ::munmap(mapped, kBytes);
}

TEST_CASE("big pages are there, and of zeros") {
  std::byte* mapped = map_big_pages(kBigPage);
  REQUIRE(mapped);
  CHECK(reinterpret_cast<uintptr_t>(mapped) % kBigPage == 0);
  const std::span all(mapped, kBigPage);
  populate_for_writing(all);
  CHECK(resident_pages(all) == kBigPage / 4096);
  CHECK(std::all_of(all.begin(), all.end(), [](std::byte b) { return b == std::byte{0}; }));
  ::munmap(mapped, kBigPage);
}

}  // namespace rlx
