#include "backend/cpu/winograd.h"

#include <algorithm>

#include "backend/cpu/price.h"
#include "backend/cpu/tile.h"
#include "support/integer.h"

namespace rlx::backend::cpu {
namespace {

constexpr Form kForms[] = {Form::kWinograd2, Form::kWinograd4};

bool reads_f32(const Kernel& k, const Stage& s) {
  return std::ranges::all_of(s.reads, [&](const Access& a) {
    return a.of == Access::Of::kArg && k.args[a.tensor].dtype == DType::kF32;
  });
}

bool is_zero_outside(const Access& a) {
  return std::ranges::all_of(a.bounds, [](const Bounds& b) {
    return b.rule == Bounds::Rule::kProven ||
           (b.rule == Bounds::Rule::kFill && b.fill == Scalar::of(DType::kF32, 0));
  });
}

// One convolution, and maps on its results.
bool is_conv_with_maps(const Kernel& k) {
  const bool conv = !k.stages.empty() && k.stages[0].kind() == Kind::kConv &&
                    std::all_of(k.stages.begin() + 1, k.stages.end(), [](const Stage& s) {
                      return s.kind() == Kind::kMap && s.loops.empty();
                    });
  return conv && std::ranges::all_of(k.stages, only_sets) &&
         std::ranges::none_of(k.grid, &Loop::sequential) && has_scalar_locals(k);
}

// Of two axes, 3 x 3, one pixel after the other.
bool takes_squares(const Kernel& k) {
  const Stage& s = k.stages[0];
  const ConvGeometry g = *conv_geometry(s);
  const bool along_pixels = std::ranges::all_of(g.axes, [&](const ConvAxis& a) {
    return a.stride == 1 && a.dilation == 1 && find_loop(s.loops, a.window)->extent.is(3);
  });
  return k.grid.size() == 4 && s.loops.size() == 3 && g.run.is(0) && along_pixels &&
         has_known_pads(g);
}

bool reads_at(const Access& a, const Vec<LoopId>& loops) {
  return std::ranges::equal(
      a.index, loops, [](const AxisIndex& i, LoopId loop) { return i.dim == Dim::loop(loop); });
}

// Images are [batch, channel, pixel, pixel], weights [out_channel, in_channel, window, window], all of them read: they
// are transformed as they lie.
bool is_laid_out(const Kernel& k, const Stage& s) {
  const Conv& c = s.conv();
  const ConvGeometry g = *conv_geometry(s);
  const Access &image = s.reads[g.image], &weights = s.reads[g.weights];
  const Vec<LoopId> axes{c.out_channel, c.in_channel, c.window[0], c.window[1]};
  const Vec<Dim>& shape = k.args[weights.tensor].shape;
  return image.index.size() == 4 && image.index[0].dim == Dim::loop(c.batch) && g.channels == 1 &&
         g.axes[0].axis == 2 && g.axes[1].axis == 3 && reads_at(weights, axes) &&
         shape[0] == find_loop(k.grid, c.out_channel)->extent &&
         shape[1] == find_loop(s.loops, c.in_channel)->extent;
}

// Whether the operands are the elements that the geometry says, and the weights are read by nobody else.
bool reads_elements(const Kernel& k, const WinogradLoops& l) {
  const Stage& s = k.stages[0];
  const Conv& c = s.conv();
  const uint32_t weights = s.reads[l.weights].tensor;
  int64_t readers = 0;
  for (const Stage& any : k.stages) {
    readers += std::ranges::count_if(any.reads, [&](const Access& a) {
      return a.of == Access::Of::kArg && a.tensor == weights;
    });
  }
  return s.body[c.x.index].fn == Fn::kLoad && s.body[c.w.index].fn == Fn::kLoad &&
         is_zero_outside(s.reads[l.image]) && readers == 1;
}

// How far the last squares reach behind the image.
std::optional<int64_t> reach_behind(const WinogradShape& s, const Arg& image, size_t i) {
  const Dim& extent = s.loops.pixel[i].extent;
  // Of an open extent at most m - 1 results are computed in vain.
  const Dim computed =
      extent.constant() ? s.squares_along[i] * s.tile.results : extent + s.tile.results - 1;
  const std::optional<int64_t> past =
      (computed + 2 - s.loops.pads[i] - image.shape[i + 2]).constant();
  return past ? std::optional(std::max<int64_t>(0, *past)) : std::nullopt;
}

// Channels last, with zeros as far as squares reach.
std::optional<Storage> image_storage_for(const Kernel& k, const WinogradShape& s) {
  const Arg& image = k.args[k.stages[0].reads[s.loops.image].tensor];
  Storage out = Storage::ordered({0, 2, 3, 1});
  for (size_t i = 0; i < 2; ++i) {
    const std::optional<int64_t> behind = reach_behind(s, image, i);
    if (!behind) return std::nullopt;
    out.padding[i + 2] = {std::max<int64_t>(0, s.loops.pads[i]), *behind, 1};
  }
  if (has_padding(out)) out.fill = Scalar::of(DType::kF32, 0);
  return out;
}

// Panels of a vector of columns, point by point.
Storage weights_storage(const WinogradShape& s) {
  Storage out;
  out.dims = {{0, kLanes, 0}, {2}, {3}, {1}, {0, 1, kLanes}};
  out.padding.resize(4);
  out.padding[0].multiple = kLanes;
  out.fill = Scalar::of(DType::kF32, 0);
  out.form = s.form;
  return out;
}

std::optional<Vec<Need>> needs_of_squares(const Kernel& k, const WinogradShape& s) {
  const Stage& stage = k.stages[0];
  Vec<Need> needs(k.args.size());
  for (size_t a = 0; a < k.args.size(); ++a) {
    const bool image = k.args[a].written && k.args[a].shape.size() == 4;
    if (image) needs[a] = Need::prefers(Storage::ordered({0, 2, 3, 1}));
  }
  std::optional<Storage> image = image_storage_for(k, s);
  if (!image) return std::nullopt;
  needs[stage.reads[s.loops.image].tensor] = Need::like(std::move(*image));
  needs[stage.reads[s.loops.weights].tensor] = Need::like(weights_storage(s));
  return needs;
}

// Register tiles of squares that a tile of work has: as many as leave image and products half of the second cache.
int64_t groups_for(const WinogradShape& s, const CpuTarget& target) {
  const int64_t bytes = s.points() * (s.image_row() + s.product_row()) * 4;
  const int64_t fit = target.l2_bytes / 2 / std::max<int64_t>(1, bytes * s.tile.rows);
  const int64_t most = s.squares.constant() ? round_up(*s.squares.constant(), s.tile.rows) : fit;
  return even_part(std::max<int64_t>(1, most / s.tile.rows), std::max<int64_t>(1, fit));
}

// Enough tiles for many cores, though the image is transformed anew for each: no more than 8 of them.
int64_t panels_for(const WinogradShape& s) {
  constexpr int64_t kMostBlocks = 8;
  const int64_t blocks = std::max<int64_t>(1, s.blocks.constant().value_or(kManyTiles));
  const int64_t wanted = std::clamp<int64_t>(kManyTiles / 4 / blocks, 1, kMostBlocks);
  return std::min(round_up((s.panels + wanted - 1) / wanted, s.tile.vectors),
                  round_up(s.panels, s.tile.vectors));
}

WinogradShape shape_with(const WinogradLoops& loops, WinogradTile tile, const CpuTarget& target) {
  tile.groups = 1;
  tile.panels = tile.vectors;
  tile.groups = groups_for(winograd_shape(loops, tile), target);
  tile.panels = panels_for(winograd_shape(loops, tile));
  return winograd_shape(loops, tile);
}

// The cheapest of the register tiles.
std::pair<WinogradShape, Cost> best_shape(const Kernel& k, const WinogradLoops& loops,
                                          int64_t results, const CpuTarget& target) {
  const Isa isa(target);
  std::optional<std::pair<WinogradShape, Cost>> best;
  const int64_t most = isa.wide ? isa.accumulators / 2 : isa.accumulators;
  for (int64_t rows = 1; rows <= most; ++rows) {
    const int64_t panels = round_up(loops.columns, kLanes) / kLanes;
    const int64_t vectors = std::min<int64_t>({isa.accumulators / rows, panels, 4});
    WinogradShape s =
        shape_with(loops, {.results = results, .rows = rows, .vectors = vectors}, target);
    const Cost cost = price_of_winograd(k, s, target);
    if (!best || cost < best->second) best = {std::move(s), cost};
  }
  return *best;
}

// Whose weights can be transformed when they are packed.
std::optional<WinogradLoops> loops_of_constant_weights(const Kernel& k) {
  std::optional<WinogradLoops> l = winograd_loops(k);
  const bool constant = l && k.args[k.stages[0].reads[l->weights].tensor].constant;
  return constant ? l : std::nullopt;
}

Choice choice_of(const WinogradTile& t) {
  return {"conv.winograd", {t.results, t.rows, t.vectors, t.groups, t.panels}};
}

// None of them absurd.
bool is_sound(const Choice& choice) {
  constexpr int64_t kMost = 1024;
  return choice.tile.size() == 5 &&
         std::ranges::all_of(choice.tile, [](int64_t n) { return n >= 1 && n <= kMost; }) &&
         (choice.tile[0] == 2 || choice.tile[0] == 4) && choice.tile[1] * choice.tile[2] <= 64 &&
         choice.tile[4] % choice.tile[2] == 0;
}

}  // namespace

int64_t WinogradShape::image_row() const { return round_up(loops.channels, kLanes) + kLanes; }

std::optional<WinogradLoops> winograd_loops(const Kernel& k) {
  if (!is_conv_with_maps(k) || !takes_squares(k)) return std::nullopt;
  const Stage& s = k.stages[0];
  const Conv& c = s.conv();
  const ConvGeometry g = *conv_geometry(s);
  WinogradLoops l;
  l.image = g.image;
  l.weights = g.weights;
  if (!reads_f32(k, s) || !is_laid_out(k, s) || !reads_elements(k, l)) return std::nullopt;
  l.batch = *find_loop(k.grid, c.batch);
  l.out_channel = *find_loop(k.grid, c.out_channel);
  l.in_channel = *find_loop(s.loops, c.in_channel);
  for (size_t i = 0; i < 2; ++i) {
    l.pixel[i] = *find_loop(k.grid, g.axes[i].pixel);
    l.pads[i] = *g.axes[i].pad.constant();
  }
  const Vec<Dim>& shape = k.args[s.reads[l.weights].tensor].shape;
  l.columns = shape[0].constant().value_or(0);
  l.channels = shape[1].constant().value_or(0);
  return l.columns > 0 && l.channels > 0 ? std::optional(l) : std::nullopt;
}

WinogradShape winograd_shape(const WinogradLoops& loops, const WinogradTile& tile) {
  WinogradShape s;
  s.loops = loops;
  s.tile = tile;
  s.form = tile.results == 2 ? Form::kWinograd2 : Form::kWinograd4;
  for (size_t i = 0; i < 2; ++i) {
    s.squares_along[i] = ceil_div(loops.pixel[i].extent, tile.results);
  }
  s.squares = loops.batch.extent * s.squares_along[0] * s.squares_along[1];
  s.blocks = ceil_div(s.squares, tile.squares());
  s.panels = round_up(loops.columns, kLanes) / kLanes;
  s.panel_blocks = (s.panels + tile.panels - 1) / tile.panels;
  return s;
}

WinogradTile winograd_tile(const Choice& choice) {
  RLX_CHECK(choice.tile.size() == 5, "a kernel was given numbers of another algorithm");
  const Vec<int64_t>& t = choice.tile;
  return {t[0], t[1], t[2], t[3], t[4]};
}

Vec<Alternative> offer_winograd(const Kernel& k, const CpuTarget& target) {
  const std::optional<WinogradLoops> loops = loops_of_constant_weights(k);
  if (!loops) return {};
  Vec<Alternative> rows;
  for (const Form form : kForms) {
    const auto [shape, cost] = best_shape(k, *loops, winograd_of(form)->results, target);
    std::optional<Vec<Need>> needs = needs_of_squares(k, shape);
    if (!needs) continue;
    rows.push_back({.choice = choice_of(shape.tile),
                    .needs = std::move(*needs),
                    .cost = cost,
                    .exact = false});
  }
  return rows;
}

bool fits_winograd(const Kernel& k, const Choice& choice) {
  if (!is_sound(choice)) return false;
  const std::optional<WinogradLoops> loops = loops_of_constant_weights(k);
  if (!loops) return false;
  const std::optional<Vec<Need>> needs =
      needs_of_squares(k, winograd_shape(*loops, winograd_tile(choice)));
  if (!needs) return false;
  for (size_t a = 0; a < k.args.size(); ++a) {
    if (!(*needs)[a].is_met_by(k.args[a].storage)) return false;
  }
  return true;
}

}  // namespace rlx::backend::cpu
