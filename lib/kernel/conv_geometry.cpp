#include "kernel/conv_geometry.h"

#include <algorithm>

#include "kernel/substitute.h"

namespace rlx {
namespace {

Error not_one(std::string why) { return {0, std::move(why)}; }

bool uses(const Access& a, const Vec<LoopId>& loops) {
  return std::ranges::any_of(a.index, [&](const AxisIndex& i) { return uses_any(i.dim, loops); });
}

Vec<LoopId> moving_loops(const Conv& c) {
  Vec<LoopId> loops = c.window;
  loops.insert(loops.end(), c.pixel.begin(), c.pixel.end());
  return loops;
}

// The read that says where an operand is.
Result<uint32_t> place_of(const Stage& s, ExprId operand) {
  const Vec<uint32_t> reads = loaded_reads(s, operand);
  if (reads.empty()) return not_one("an operand reads no tensor");
  const Vec<LoopId> moving = moving_loops(s.conv());
  const bool alike = std::ranges::all_of(reads, [&](uint32_t r) {
    return s.reads[r].index == s.reads[reads[0]].index || !uses(s.reads[r], moving);
  });
  if (!alike) return not_one("an operand is read at two places of its window");
  return reads[0];
}

// An axis in which a loop that is summed over stands alone among those, with its factor and the rest.
struct Place {
  size_t axis = 0;
  int64_t step = 1;
  Dim rest = {};
};

Result<Place> place_in(const Access& a, LoopId loop, const Vec<LoopId>& summed,
                       std::string_view operand) {
  const auto fault = [&](std::string_view what) {
    return not_one("i" + std::to_string(loop.index) + std::string(what) + std::string(operand));
  };
  std::optional<Place> found;
  for (size_t axis = 0; axis < a.index.size(); ++axis) {
    const Dim& index = a.index[axis].dim;
    if (!uses_loop(index, loop)) continue;
    if (found) return fault(" stands in two axes of ");
    const Dim next = substitute_loops(index, {{loop, Dim::loop(loop) + 1}});
    const std::optional<int64_t> step = (next - index).constant();
    if (!step) return fault(" has no factor in ");
    found = {axis, *step, substitute_loops(index, {{loop, 0}})};
    if (uses_any(found->rest, summed)) return fault(" stands beside another sum's loop in ");
  }
  if (!found) return fault(" does not stand in ");
  return *found;
}

// The one loop of a grid that d is a multiple of, beside a number.
void find_stride(ConvAxis& axis, const Conv& c) {
  for (const LoopId pixel : c.pixel) {
    if (!uses_loop(axis.start, pixel)) continue;
    const Dim next = substitute_loops(axis.start, {{pixel, Dim::loop(pixel) + 1}});
    const std::optional<int64_t> stride = (next - axis.start).constant();
    if (!stride || axis.start != Dim::loop(pixel) * *stride - axis.pad) return;
    axis.pixel = pixel;
    axis.stride = stride;
  }
}

Dim at_first_point(const Dim& d) {
  return substitute(d, [](const Atom& a) -> std::optional<Dim> {
    return a.kind == Atom::Kind::kLoop ? std::optional<Dim>(0) : std::nullopt;
  });
}

Result<ConvAxis> axis_of(const Conv& c, const Access& image, LoopId window,
                         const Vec<LoopId>& summed) {
  RLX_TRY(const Place at, place_in(image, window, summed, "x"));
  if (uses_loop(at.rest, c.out_channel) || uses_loop(at.rest, c.batch)) {
    return not_one("a window of x moves with more than its pixels");
  }
  ConvAxis axis{.axis = at.axis, .window = window, .start = at.rest, .dilation = at.step};
  axis.pad = Dim(0) - at_first_point(at.rest);
  find_stride(axis, c);
  return axis;
}

// How many output channels on end have the same first channel of the image.
Dim run_of(const Dim& first, LoopId out_channel) {
  if (!uses_loop(first, out_channel)) return 0;
  std::optional<Dim> run;
  const Dim rest = substitute(first, [&](const Atom& a) -> std::optional<Dim> {
    const bool group = a.kind == Atom::Kind::kFloorDiv && a.args[0] == Dim::loop(out_channel);
    if (!group || (run && *run != a.args[1])) return std::nullopt;
    run = a.args[1];
    return 0;
  });
  return run && !uses_loop(rest, out_channel) ? *run : 1;
}

Status find_channels(const Stage& s, const Vec<LoopId>& summed, ConvGeometry& g) {
  const Conv& c = s.conv();
  const Access& image = s.reads[g.image];
  RLX_TRY(const Place at, place_in(image, c.in_channel, summed, "x"));
  if (at.step != 1) return not_one("the channels of x do not follow each other");
  g.channels = at.axis;
  g.run = run_of(at.rest, c.out_channel);
  for (size_t axis = 0; axis < image.index.size(); ++axis) {
    const bool window =
        std::ranges::any_of(g.axes, [&](const ConvAxis& a) { return a.axis == axis; });
    if (!window && uses_any(image.index[axis].dim, c.pixel)) {
      return not_one("a pixel stands outside of x's window");
    }
  }
  return {};
}

Status check_weights(const Stage& s, const Vec<LoopId>& summed, const ConvGeometry& g) {
  const Conv& c = s.conv();
  const Access& weights = s.reads[g.weights];
  for (const LoopId loop : summed) RLX_TRY_VOID(place_in(weights, loop, summed, "w"));
  if (!uses(weights, {c.out_channel})) return not_one("w is not read at its out_channel");
  if (uses(weights, {c.batch})) return not_one("w differs from image to image");
  return {};
}

}  // namespace

Result<ConvGeometry> conv_geometry(const Stage& s) {
  const Conv& c = s.conv();
  const Vec<LoopId> summed = ended_loops(s);
  ConvGeometry g;
  RLX_TRY(g.image, place_of(s, c.x));
  RLX_TRY(g.weights, place_of(s, c.w));
  for (const LoopId window : c.window) {
    RLX_TRY(ConvAxis axis, axis_of(c, s.reads[g.image], window, summed));
    g.axes.push_back(std::move(axis));
  }
  RLX_TRY_VOID(find_channels(s, summed, g));
  RLX_TRY_VOID(check_weights(s, summed, g));
  return g;
}

}  // namespace rlx
