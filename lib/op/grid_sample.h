// An image, or a volume, read at places that another tensor gives, between its elements.
#pragma once
#include <algorithm>
#include <array>

#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/sampling.h"

namespace rlx::ops {

// Inputs: x[n, c, spatial...]; the grid [n, places..., axes], of which the last axis is x, y (, z): the place along the last
// spatial axis first, from -1 to 1 over the image.
struct GridSample {
  static constexpr std::string_view name = "grid_sample";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kFloats;

  int64_t align_corners = 0;
  // "nearest", "linear" ("bilinear") or "cubic" ("bicubic").
  std::string mode = "linear";
  // "zeros", "border" or "reflection".
  std::string padding_mode = "zeros";

  static Result<Types> infer(const GridSample& o, InferCtx& c) {
    RLX_TRY_VOID(check_modes(o, c));
    const Type &x = c.in(0), &grid = c.in(1);
    if (x.rank() < 3 || grid.rank() != x.rank() || !is_float(grid.dtype)) {
      return c.error(kBadInput, "the grid has not the image's rank, or is no float");
    }
    if (x.rank() > 5) return c.error(kUnsupportedForm, "more than 3 spatial axes");
    RLX_TRY_VOID(c.require_equal(x.shape[0], grid.shape[0]));
    RLX_TRY_VOID(c.require_equal(grid.shape.back(), x.rank() - 2));
    for (size_t i = 2; i < x.shape.size(); ++i) {
      RLX_TRY_VOID(require_elements(c, x.shape[i], "a spatial axis"));
    }
    Vec<Dim> shape{x.shape[0], x.shape[1]};
    shape.insert(shape.end(), grid.shape.begin() + 1, grid.shape.end() - 1);
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Status lower(const GridSample& o, KernelBuilder& b) {
    const int axes = b.in(0).rank() - 2;
    const Bounds::Rule rule =
        beyond_of(o) == Beyond::kZeros ? Bounds::Rule::kFill : Bounds::Rule::kClamp;
    const Bounds bounds{rule, Scalar::of(b.in(0).dtype, 0)};
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      Vec<Vec<Sample>> taps;
      for (int i = 0; i < axes; ++i) taps.push_back(taps_of(o, b, s, at, i));
      return sampled(b, s, 0, axis_indexes({at[0], at[1]}), taps, bounds);
    });
  }

 private:
  static Status check_modes(const GridSample& o, const InferCtx& c) {
    constexpr std::array<std::string_view, 5> kModes{"nearest", "linear", "bilinear", "cubic",
                                                     "bicubic"};
    constexpr std::array<std::string_view, 3> kPaddings{"zeros", "border", "reflection"};
    if (std::ranges::find(kModes, o.mode) == kModes.end()) {
      return c.error(kBadAttribute, "mode '" + o.mode + "' is not known");
    }
    if (std::ranges::find(kPaddings, o.padding_mode) == kPaddings.end()) {
      return c.error(kBadAttribute, "padding_mode '" + o.padding_mode + "' is not known");
    }
    return {};
  }

  static Beyond beyond_of(const GridSample& o) {
    if (o.padding_mode == "zeros") return Beyond::kZeros;
    return o.padding_mode == "border" ? Beyond::kBorder : Beyond::kReflection;
  }

  // Of spatial axis i, for the output's element `at`.
  static Vec<Sample> taps_of(const GridSample& o, KernelBuilder& b, StageBuilder& s,
                             const Vec<Dim>& at, int i) {
    Vec<Dim> where(at.begin() + 2, at.end());
    where.insert(where.begin(), at[0]);
    where.emplace_back(b.in(0).rank() - 3 - i);
    const DType type = compute_type(b.in(0).dtype);
    const Ex normal = cast(s.load(b.input(1), where), type);
    const Dim& extent = b.in(0).shape[static_cast<size_t>(i) + 2];
    const SampledAxis axis{.extent = cast(s.index(extent), type),
                           .beyond = beyond_of(o),
                           .at_middles = o.align_corners != 0};
    const Ex place = axis.place_of(normal);
    if (o.mode == "nearest") return axis.nearest(place);
    return o.mode == "linear" || o.mode == "bilinear" ? axis.linear(place) : axis.cubic(place);
  }
};
RLX_OP(GridSample);

}  // namespace rlx::ops
