#include "support/populate.h"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

#include "support/integer.h"

namespace rlx {
namespace {

// Below this a fault or two are as quick.
constexpr size_t kFewPages = size_t{64} << 10;

}  // namespace

// Where the system cannot, pages come as they are touched.
void populate_for_writing(std::span<std::byte> bytes) {
  if (bytes.size() < kFewPages) return;
  const auto page = static_cast<size_t>(::getpagesize());
  const auto first = round_up(reinterpret_cast<uintptr_t>(bytes.data()), page);
  const auto last = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a page's beginning.
  (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_WRITE);
}

}  // namespace rlx
