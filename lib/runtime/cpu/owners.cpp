#include "runtime/cpu/owners.h"

#include <algorithm>
#include <numeric>

namespace rlx::runtime::cpu {
namespace {

// Every two of a run are looked at.
constexpr size_t kLongestRun = 64;

// The steps [first, last), all of them solo.
class Run {
 public:
  Run(const image::Image& image, const image::Placement& placement, uint32_t first, uint32_t last)
      : image_(image), placement_(placement), first_(first), leader_(last - first) {
    std::iota(leader_.begin(), leader_.end(), size_t{0});
    for (size_t i = 0; i < leader_.size(); ++i) {
      for (size_t earlier = 0; earlier < i; ++earlier) {
        if (hang_together(i, earlier)) leader_[leader_of(i)] = leader_of(earlier);
      }
    }
  }

  // Threads in turns, by the first step of what hangs together.
  void assign(Vec<int>& owners, int threads) {
    Vec<int> thread(leader_.size(), kAllThreads);
    int next = 0;
    for (size_t i = 0; i < leader_.size(); ++i) {
      int& own = thread[leader_of(i)];
      if (own == kAllThreads) own = next++ % threads;
      owners[first_ + i] = own;
    }
  }

 private:
  size_t leader_of(size_t i) const {
    while (leader_[i] != i) i = leader_[i];
    return i;
  }

  bool hang_together(size_t i, size_t earlier) const {
    const image::Command &a = image_.commands[first_ + i], &b = image_.commands[first_ + earlier];
    if (std::ranges::count(a.waits, first_ + earlier) != 0) return true;
    return std::ranges::any_of(a.buffers, [&](uint32_t x) {
      return std::ranges::any_of(b.buffers, [&](uint32_t y) { return x != y && overlap(x, y); });
    });
  }

  bool overlap(uint32_t x, uint32_t y) const {
    const int64_t from = placement_.offsets[x], other = placement_.offsets[y];
    if (from < 0 || other < 0) return false;
    return from < other + placement_.bytes[y] && other < from + placement_.bytes[x];
  }

  const image::Image& image_;
  const image::Placement& placement_;
  uint32_t first_;
  // By step: an earlier one that it hangs together with, itself where there is none.
  Vec<size_t> leader_;
};

}  // namespace

Vec<int> owners_of(const image::Image& image, const image::Placement& placement,
                   const Vec<bool>& solo, int threads) {
  Vec<int> owners(solo.size(), kAllThreads);
  const image::BlockEdges edges = block_edges(image);
  for (size_t first = 0; first < solo.size();) {
    if (!solo[first]) {
      ++first;
      continue;
    }
    size_t last = first + 1;
    while (last < solo.size() && solo[last] && !edges.ended[last]) ++last;
    if (last - first <= kLongestRun) {
      Run(image, placement, static_cast<uint32_t>(first), static_cast<uint32_t>(last))
          .assign(owners, threads);
    } else {
      std::fill(owners.begin() + static_cast<ptrdiff_t>(first),
                owners.begin() + static_cast<ptrdiff_t>(last), 0);
    }
    first = last;
  }
  return owners;
}

}  // namespace rlx::runtime::cpu
