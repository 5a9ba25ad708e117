#include "support/big_pages.h"

#include <sys/mman.h>

#include "support/integer.h"

namespace rlx {

std::byte* map_big_pages(size_t bytes) {
  // A mapping begins at any small page.
  void* const mapped = mmap(nullptr, bytes + kBigPage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto at = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = round_up(at, kBigPage) - at;
  auto* const whole = static_cast<std::byte*>(mapped) + before;
  if (before != 0) munmap(mapped, before);
  if (before != kBigPage) munmap(whole + bytes, kBigPage - before);
  (void)madvise(whole, bytes, MADV_HUGEPAGE);
  return whole;
}

}  // namespace rlx
