#include "backend/cpu/loops.h"

#include <algorithm>

#include "backend/cpu/image_storage.h"
#include "backend/cpu/price.h"

namespace rlx::backend::cpu {

namespace {

bool keeps(const Kernel& k, const Stage& s, LoopId loop) {
  return find_loop(k.grid, loop) ||
         (find_loop(s.loops, loop) && !std::ranges::count(ended_loops(s), loop));
}

// x[n, channel, window...]
bool is_image(const Kernel& k, const Stage& s, const Access& a) {
  if (a.of != Access::Of::kArg || k.args[a.tensor].constant || a.index.size() < 3) return false;
  auto channel = a.index[1].dim.as_loop();
  if (a.index[1].expr || !channel || !keeps(k, s, *channel)) return false;
  const Vec<LoopId> window = ended_loops(s);
  return std::any_of(a.index.begin() + 2, a.index.end(),
                     [&](const AxisIndex& i) { return uses_any(i.dim, window); });
}

// The axis of constant weights that the loop indexes.
std::optional<size_t> axis_of(const Kernel& k, const Access& a, LoopId channel) {
  if (a.of != Access::Of::kArg || !k.args[a.tensor].constant) return std::nullopt;
  for (size_t axis = 0; axis < a.index.size(); ++axis) {
    if (a.index[axis].dim.as_loop() == channel) return axis;
  }
  return std::nullopt;
}

Storage storage_for_windows(const Kernel& k, const Stage& s, const Access& a) {
  const Arg& arg = k.args[a.tensor];
  Storage storage = with_last(arg, 1);
  for (size_t axis = 2; axis < a.index.size(); ++axis) {
    const Bounds& b = a.bounds[axis];
    if (b.rule != Bounds::Rule::kFill || a.index[axis].expr) continue;
    storage.padding[axis] = halo_of(k, s, a.index[axis].dim, arg.shape[axis]);
    storage.fill = b.fill;
  }
  return storage;
}

struct Windows {
  // By argument.
  Vec<Need> needs;
  // Axes of the image.
  size_t rank = 0;
};

std::optional<Windows> windows_of(const Kernel& k, const Stage& s) {
  if (s.kind() != Kind::kReduce) return std::nullopt;
  auto image = std::find_if(s.reads.begin(), s.reads.end(),
                            [&](const Access& a) { return is_image(k, s, a); });
  if (image == s.reads.end()) return std::nullopt;
  const LoopId channel = *image->index[1].dim.as_loop();
  Windows out{.needs = Vec<Need>(k.args.size()), .rank = image->index.size()};
  bool weighted = false;
  for (const Access& a : s.reads) {
    auto axis = axis_of(k, a, channel);
    if (!axis) continue;
    const Arg& w = k.args[a.tensor];
    out.needs[a.tensor] = Need::like(with_last(w, *axis));
    weighted = true;
  }
  if (!weighted) return std::nullopt;
  out.needs[image->tensor] = Need::like(storage_for_windows(k, s, *image));
  return out;
}

std::optional<Alternative> for_windows(const Kernel& k) {
  if (k.stages.empty()) return std::nullopt;
  std::optional<Windows> windows = windows_of(k, k.stages[0]);
  if (!windows) return std::nullopt;
  Alternative out{.needs = std::move(windows->needs), .writes_once = true};
  for (size_t i = 0; i < k.args.size(); ++i) {
    const Arg& a = k.args[i];
    const bool image = a.written && a.shape.size() == windows->rank;
    if (image) out.needs[i] = Need::prefers(with_last(a, 1));
  }
  return out;
}

}  // namespace

std::optional<Vec<Need>> window_needs(const Kernel& k, const Stage& s) {
  std::optional<Windows> windows = windows_of(k, s);
  return windows ? std::optional(std::move(windows->needs)) : std::nullopt;
}

Vec<Alternative> offer_loops(const Kernel& k, const CpuTarget& target) {
  const Cost cost = price_of_loops(k, target);
  Vec<Alternative> rows;
  if (auto windows = for_windows(k)) {
    rows.push_back(std::move(*windows));
    rows[0].cost = cost;
  }
  // Windows over images that lie elsewhere: pixels are gathered.
  const int64_t times = rows.empty() ? 1 : 2;
  rows.push_back({.needs = Vec<Need>(k.args.size()), .cost = cost * times, .writes_once = true});
  return rows;
}

bool fits_loops(const Kernel&, const Choice& choice) { return choice.tile.empty(); }

}  // namespace rlx::backend::cpu
