#include <algorithm>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>

#include "image/codes.h"
#include "image/image.h"

namespace rlx::image {
namespace {

constexpr int64_t kAlignment = 64;
// Above what any machine maps, and far from overflow.
constexpr int64_t kMaxBytes = int64_t{1} << 46;

// An odd number of cache lines: equal buffers side by side then differ in their addresses' low 12 bits,
// so that a load from one does not wait for a store to the other.
int64_t padded(int64_t bytes) {
  int64_t lines = (bytes + kAlignment - 1) / kAlignment;
  return (lines | 1) * kAlignment;
}

// A stretch of the arena that is asked for, over a span of commands.
struct Request {
  int64_t bytes = 0;
  uint32_t first = 0, last = 0;
  int64_t offset = -1;

  bool meets(const Request& other) const { return first <= other.last && other.first <= last; }
  int64_t end() const { return offset + bytes; }
};

Result<Vec<int64_t>> sizes_of(const Image& image, const Vec<int64_t>& symbols) {
  Vec<int64_t> sizes;
  int64_t sum = 0;
  for (const Buffer& buffer : image.buffers) {
    std::optional<int64_t> bytes = evaluate(buffer.bytes, symbols);
    if (!bytes || *bytes < 0) {
      std::string text = to_text(buffer.bytes, image.symbols);
      return Error(kBadExtent, fmt::format("a buffer's size {} has no value for these dims", text));
    }
    sum += std::min(*bytes, kMaxBytes);
    if (sum >= kMaxBytes) return Error(kTooMuchMemory, "these dims need more memory than there is");
    sizes.push_back(*bytes);
  }
  return sizes;
}

// The smallest gap between the neighbours that holds `bytes`, else behind the last of them. `neighbours`
// are sorted by offset.
int64_t best_fit(const Vec<const Request*>& neighbours, int64_t bytes) {
  int64_t best = -1, best_gap = INT64_MAX, free = 0;
  for (const Request* taken : neighbours) {
    int64_t gap = taken->offset - free;
    if (gap >= bytes && gap < best_gap) best = free, best_gap = gap;
    free = std::max(free, taken->end());
  }
  return best >= 0 ? best : free;
}

// Biggest first, at equal sizes in the order of the requests.
Vec<size_t> by_size(const Vec<Request>& requests) {
  Vec<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return std::pair(-requests[i].bytes, i); });
  return order;
}

// Gives every request its offset; the end of the last.
int64_t pack(Vec<Request>& requests) {
  int64_t end = 0;
  // Sorted by offset.
  Vec<const Request*> placed;
  for (size_t i : by_size(requests)) {
    Request& request = requests[i];
    Vec<const Request*> neighbours;
    std::ranges::copy_if(placed, std::back_inserter(neighbours),
                         [&](const Request* other) { return request.meets(*other); });
    request.offset = best_fit(neighbours, request.bytes);
    auto after = std::ranges::upper_bound(placed, request.offset, {}, &Request::offset);
    placed.insert(after, &request);
    end = std::max(end, request.end());
  }
  return end;
}

// The arena's requests, and which of them serves each buffer.
struct Requests {
  Vec<Request> all;
  // By buffer; -1 outside the arena.
  Vec<int64_t> of_buffer;
};

bool is_private(const Buffer& buffer) { return buffer.slot >= 0 || !buffer.pattern.empty(); }

Requests requests_of(const Image& image, const Vec<int64_t>& sizes) {
  Requests requests;
  std::unordered_map<int32_t, int64_t> slots;
  for (size_t i = 0; i < image.buffers.size(); ++i) {
    const Buffer& buffer = image.buffers[i];
    requests.of_buffer.push_back(-1);
    if (buffer.kind != Buffer::Kind::kArena) continue;
    auto next = static_cast<int64_t>(requests.all.size());
    int64_t& mine = requests.of_buffer.back();
    mine = buffer.slot < 0 ? next : slots.try_emplace(buffer.slot, next).first->second;
    if (mine != next) continue;
    bool always = is_private(buffer);
    requests.all.push_back({.bytes = padded(sizes[i]),
                            .first = always ? 0 : buffer.first,
                            .last = always ? UINT32_MAX : buffer.last});
  }
  return requests;
}

}  // namespace

Result<Placement> place(const Image& image, const Vec<int64_t>& symbols) {
  RLX_TRY(Vec<int64_t> sizes, sizes_of(image, symbols));
  Requests requests = requests_of(image, sizes);
  Placement placement{.bytes = std::move(sizes)};
  placement.arena_bytes = pack(requests.all);
  for (int64_t request : requests.of_buffer) {
    placement.offsets.push_back(request < 0 ? -1 : requests.all[request].offset);
  }
  return placement;
}

}  // namespace rlx::image
