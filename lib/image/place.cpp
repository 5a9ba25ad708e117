#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "image/codes.h"
#include "image/pack.h"
#include "image/told.h"

namespace rlx::image {
namespace {

constexpr int64_t kAlignment = 64;

// An odd number of cache lines: equal buffers side by side then differ in their addresses' low 12 bits,
// so that a load from one does not wait for a store to the other.
int64_t padded(int64_t bytes) {
  const int64_t lines = (bytes + kAlignment - 1) / kAlignment;
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

// Whether the buffer lives in one block.
bool is_inner(const Image& image, const Buffer& buffer) {
  if (buffer.kind != Buffer::Kind::kArena) return false;
  for (uint32_t i = 0; i < buffer.first; ++i) {
    uint32_t begin = i + 1;
    for (const uint32_t end : image.commands[i].ends) {
      if (begin <= buffer.first && buffer.last < end) return true;
      begin = end;
    }
  }
  return false;
}

Result<Vec<int64_t>> sizes_of(const Image& image, const Vec<int64_t>& symbols) {
  Vec<int64_t> sizes;
  int64_t sum = 0;
  for (const Buffer& buffer : image.buffers) {
    RLX_TRY(const int64_t bytes, bytes_of(image, buffer, symbols));
    sum += std::min(std::max<int64_t>(bytes, 0), kMaxArena);
    if (sum >= kMaxArena) return Error(kTooMuchMemory, "these dims need more memory than there is");
    sizes.push_back(bytes);
  }
  return sizes;
}

// Looks for the smallest gap of at least `bytes` between stretches that come by offset.
class BestFit {
 public:
  explicit BestFit(int64_t bytes) : bytes_(bytes) {}

  void pass(int64_t from, int64_t end) {
    const int64_t gap = from - free_;
    if (gap >= bytes_ && gap < best_gap_) best_ = free_, best_gap_ = gap;
    free_ = std::max(free_, end);
  }

  // Whether nothing that follows can be better.
  bool is_exact() const { return best_gap_ == bytes_; }
  // Behind the last stretch where no gap is big enough.
  int64_t offset() const { return best_ >= 0 ? best_ : free_; }

 private:
  int64_t bytes_, best_ = -1, best_gap_ = INT64_MAX, free_ = 0;
};

// Neighbours by offset among the placed requests, with what tells whether one has to look at each.
class Shelf {
 public:
  static constexpr size_t kMost = 64;

  explicit Shelf(Vec<const Request*> requests) : requests_(std::move(requests)) { sum_up(); }

  static auto place_of(const Request& r) { return std::tuple(r.offset, r.first); }
  auto place() const { return place_of(*requests_.front()); }

  void insert(const Request& r) {
    auto by_place = [](const Request* other) { return place_of(*other); };
    auto after = std::ranges::upper_bound(requests_, place_of(r), {}, by_place);
    requests_.insert(after, &r);
    sum_up();
  }

  bool is_full() const { return requests_.size() >= kMost; }
  // The upper half, which is no longer here.
  Shelf split() {
    auto middle = requests_.begin() + kMost / 2;
    Shelf upper({middle, requests_.end()});
    requests_.erase(middle, requests_.end());
    sum_up();
    return upper;
  }

  void pass(const Request& r, BestFit& fit) const {
    if (last_last_ < r.first || r.last < first_first_) return;
    const bool all_meet = last_first_ <= r.last && r.first <= first_last_;
    if (all_meet && widest_gap_ < r.bytes) return fit.pass(requests_.front()->offset, end_);
    for (const Request* other : requests_) {
      if (r.meets(*other)) fit.pass(other->offset, other->end());
    }
  }

 private:
  void sum_up() {
    const Request& front = *requests_.front();
    first_first_ = last_first_ = front.first;
    first_last_ = last_last_ = front.last;
    end_ = front.offset;
    widest_gap_ = 0;
    for (const Request* r : requests_) {
      first_first_ = std::min(first_first_, r->first);
      last_first_ = std::max(last_first_, r->first);
      first_last_ = std::min(first_last_, r->last);
      last_last_ = std::max(last_last_, r->last);
      widest_gap_ = std::max(widest_gap_, r->offset - end_);
      end_ = std::max(end_, r->end());
    }
  }

  // By offset, then by time: those that lie at one offset lie there one after the other.
  Vec<const Request*> requests_;
  // The first and the last of all beginnings and ends of lives.
  uint32_t first_first_ = 0, last_first_ = 0, first_last_ = 0, last_last_ = 0;
  int64_t end_ = 0, widest_gap_ = 0;
};

// The placed requests.
class Shelves {
 public:
  // The smallest gap between requests that the new one meets, else behind the last of them.
  int64_t best_fit(const Request& r) const {
    BestFit fit(r.bytes);
    for (size_t i = 0; i < shelves_.size() && !fit.is_exact(); ++i) shelves_[i].pass(r, fit);
    return fit.offset();
  }

  void insert(const Request& r) {
    if (shelves_.empty()) {
      shelves_.emplace_back(Vec<const Request*>{&r});
      return;
    }
    auto after = std::ranges::upper_bound(shelves_, Shelf::place_of(r), {}, &Shelf::place);
    auto shelf = after == shelves_.begin() ? after : after - 1;
    shelf->insert(r);
    if (shelf->is_full()) shelves_.insert(shelf + 1, shelf->split());
  }

 private:
  Vec<Shelf> shelves_;
};

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
  Shelves placed;
  for (const size_t i : by_size(requests)) {
    Request& request = requests[i];
    request.offset = placed.best_fit(request);
    placed.insert(request);
    end = std::max(end, request.end());
  }
  return end;
}

bool is_private(const Buffer& buffer) { return buffer.slot >= 0 || buffer.keeps_pattern(); }

}  // namespace

Result<int64_t> bytes_of(const Image& image, const Buffer& buffer, const Vec<int64_t>& symbols) {
  const std::optional<int64_t> bytes = evaluate(buffer.bytes, symbols);
  if (bytes && *bytes >= 0) return *bytes;
  if (is_untold(buffer.bytes, symbols) || is_inner(image, buffer)) return int64_t{-1};
  const std::string text = to_text(buffer.bytes, image.symbols);
  return Error(kBadExtent, fmt::format("a buffer's size {} has no value for these dims", text));
}

int64_t pack_buffers(const Image& image, const Vec<uint32_t>& buffers, int64_t base,
                     Placement& placement) {
  Vec<Request> requests;
  // By buffer of the list.
  Vec<size_t> request_of;
  std::unordered_map<int32_t, size_t> slots;
  for (const uint32_t b : buffers) {
    const Buffer& buffer = image.buffers[b];
    const size_t next = requests.size();
    request_of.push_back(buffer.slot < 0 ? next
                                         : slots.try_emplace(buffer.slot, next).first->second);
    if (request_of.back() != next) continue;
    const bool always = is_private(buffer) || buffer.kind != Buffer::Kind::kArena;
    requests.push_back({.bytes = padded(std::max<int64_t>(placement.bytes[b], 0)),
                        .first = always ? 0 : buffer.first,
                        .last = always ? UINT32_MAX : buffer.last});
  }
  const int64_t bytes = pack(requests);
  for (size_t i = 0; i < buffers.size(); ++i) {
    placement.offsets[buffers[i]] = base + requests[request_of[i]].offset;
  }
  return bytes;
}

Result<Placement> place(const Image& image, const Vec<int64_t>& symbols) {
  RLX_TRY(Vec<int64_t> sizes, sizes_of(image, symbols));
  const size_t buffers = sizes.size();
  Placement placement{.offsets = Vec<int64_t>(buffers, -1), .bytes = std::move(sizes)};
  Vec<uint32_t> arena;
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    const Buffer& buffer = image.buffers[b];
    const bool later = is_untold(buffer.bytes, symbols);
    if (buffer.kind == Buffer::Kind::kArena && !later) arena.push_back(b);
  }
  placement.arena_bytes = pack_buffers(image, arena, 0, placement);
  return placement;
}

}  // namespace rlx::image
