#include "runtime/cpu/border.h"

#include <algorithm>

#include "runtime/cpu/memory.h"

namespace rlx::runtime::cpu {
namespace {

using image::BorderRun;

// Where the runs [first, last) of those that are alike lie, one after the other.
class Runs {
 public:
  Runs(const BorderRun& run, int64_t first) : run_(run), offset_(run.offset) {
    at_.resize(run.repeats.size());
    for (size_t i = at_.size(); i-- > 0;) {
      const auto [count, step] = run.repeats[i];
      at_[i] = first % count;
      offset_ += at_[i] * step;
      first /= count;
    }
  }

  int64_t offset() const { return offset_; }

  void next() {
    for (size_t i = at_.size(); i-- > 0;) {
      const auto [count, step] = run_.repeats[i];
      offset_ += step;
      if (++at_[i] < count) return;
      offset_ -= count * step;
      at_[i] = 0;
    }
  }

 private:
  const BorderRun& run_;
  int64_t offset_;
  // By repeat.
  Vec<int64_t> at_;
};

}  // namespace

void fill_border(void* buffer, const Step& step, Turn::Tiles tiles) {
  auto* to = static_cast<std::byte*>(buffer);
  int64_t all = 0;
  for (const BorderRun& run : *step.border) all += times_of(run);
  // The tiles' share of all runs.
  int64_t first = all * tiles.first / step.tiles, last = all * tiles.last / step.tiles;
  for (const BorderRun& run : *step.border) {
    const int64_t times = times_of(run);
    Runs runs(run, std::clamp<int64_t>(first, 0, times));
    for (int64_t i = std::max<int64_t>(first, 0); i < std::min(last, times); ++i, runs.next()) {
      fill_with_pattern({to + runs.offset(), static_cast<size_t>(run.bytes)}, step.pattern);
    }
    first -= times;
    last -= times;
  }
}

}  // namespace rlx::runtime::cpu
