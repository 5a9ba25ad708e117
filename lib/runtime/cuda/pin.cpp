#include "runtime/cuda/pin.h"

#include <algorithm>
#include <functional>

namespace rlx::runtime::cuda {
namespace {

// CUdevice_attribute: whether pages that nobody may write can be pinned.
constexpr int kPinsWhatIsOnlyRead = 113;
// CU_MEMHOSTREGISTER_READ_ONLY.
constexpr unsigned kOnlyRead = 8;
constexpr size_t kPage = 4096;

size_t page_of(const std::byte* byte) { return reinterpret_cast<size_t>(byte) / kPage; }

}  // namespace

Pin::Pin(const Gpu& gpu, Bytes bytes, bool is_only_read) {
  auto* data = const_cast<std::byte*>(bytes.data());
  const bool is_marked = is_only_read && gpu.attribute(kPinsWhatIsOnlyRead) != 0;
  const Code code = gpu.driver().pin(data, bytes.size(), is_marked ? kOnlyRead : 0);
  if (code != 0) return;
  gpu_ = &gpu;
  data_ = data;
}

Pin::~Pin() {
  if (data_ == nullptr || !gpu_->enter()) return;
  gpu_->driver().unpin(data_);
}

Vec<Pin> pins_of(const Gpu& gpu, Vec<Bytes> pieces, bool is_only_read) {
  std::erase_if(pieces, [](Bytes piece) { return piece.empty(); });
  std::ranges::sort(pieces, std::less<>(), [](Bytes piece) { return piece.data(); });
  Vec<Pin> pins;
  for (size_t i = 0; i < pieces.size();) {
    const std::byte* begin = pieces[i].data();
    const std::byte* end = begin + pieces[i].size();
    for (++i; i < pieces.size() && page_of(pieces[i].data()) <= page_of(end - 1); ++i) {
      end = std::max(end, pieces[i].data() + pieces[i].size());
    }
    const Bytes run(begin, end);
    if (run.size() >= kWorthPinning) pins.emplace_back(gpu, run, is_only_read);
  }
  return pins;
}

}  // namespace rlx::runtime::cuda
