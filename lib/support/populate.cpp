#include "support/populate.h"

#include <algorithm>

#include <sys/mman.h>
#include <unistd.h>

#include "support/integer.h"

namespace rlx {
namespace {

// Pages come in pieces of this size, between which the end is looked for.
constexpr size_t kPiece = size_t{4} << 20;
// Below this a fault or two are as quick.
constexpr size_t kFewPages = size_t{64} << 10;
// Below this a thread is not worth its start.
constexpr size_t kFewBytes = size_t{16} << 20;

}  // namespace

Populating::Populating(Vec<Bytes> ranges) : ranges_(std::move(ranges)) {
  size_t bytes = 0;
  for (const Bytes& range : ranges_) bytes += range.size();
  if (bytes >= kFewBytes) thread_ = std::thread([this] { run(); });
}

Populating::~Populating() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

// Where the system cannot, pages come as they are touched, and whoever touches what is not there is told.
void Populating::run() {
  const auto page = static_cast<uintptr_t>(::getpagesize());
  for (const Bytes& range : ranges_) {
    // What lies in a model's file begins anywhere in a page.
    const size_t before = reinterpret_cast<uintptr_t>(range.data()) % page;
    std::byte* const first = const_cast<std::byte*>(range.data()) - before;
    const size_t bytes = before + range.size();
    for (size_t at = 0; at < bytes; at += kPiece) {
      if (stop_) return;
      if (::madvise(first + at, std::min(kPiece, bytes - at), MADV_POPULATE_READ) != 0) return;
    }
  }
}

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
