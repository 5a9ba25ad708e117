// Parts of images (regions of interest) as small images of one size: each element is the mean, or the maximum, of some
// places in its share of the region, read between the elements of the image.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/rows.h"
#include "op/shared/sampling.h"

namespace rlx::ops {

// Inputs: x[n, c, h, w]; regions [count, 4], the ends x1, y1, x2, y2; the image of each.
struct RoiAlign {
  static constexpr std::string_view name = "roi_align";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kFloats;

  // "half_pixel": elements lie in the middles of their squares, else "output_half_pixel": at corners.
  std::string coordinate_transformation_mode = "half_pixel";
  // "avg" or "max".
  std::string mode = "avg";
  int64_t output_height = 1;
  int64_t output_width = 1;
  // Places along each axis of a share.
  int64_t sampling_ratio = 0;
  float spatial_scale = 1;

  static Result<Types> infer(const RoiAlign& o, InferCtx& c) {
    RLX_TRY_VOID(check(o, c));
    const Type &x = c.in(0), &regions = c.in(1), &images = c.in(2);
    if (x.rank() != 4 || regions.rank() != 2 || regions.dtype != x.dtype) {
      return c.error(kBadInput, "x or the regions are of another rank or element type");
    }
    if (images.rank() != 1 || !is_integer(images.dtype)) {
      return c.error(kBadInput, "the regions' images are no vector of integers");
    }
    RLX_TRY_VOID(c.require_equal(regions.shape[1], 4));
    RLX_TRY_VOID(c.require_equal(regions.shape[0], images.shape[0]));
    RLX_TRY_VOID(require_elements(c, x.shape[2], "the height"));
    RLX_TRY_VOID(require_elements(c, x.shape[3], "the width"));
    return Types{
        Type::tensor(x.dtype, {regions.shape[0], x.shape[1], o.output_height, o.output_width})};
  }

  static Status lower(const RoiAlign& o, KernelBuilder& b) {
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.reduce({o.sampling_ratio, o.sampling_ratio});
    const Ex image = cast(s.load(b.input(2), {at[0]}), DType::kI64);
    const Sampled y = place_on(o, b, s, at, 0), x = place_on(o, b, s, at, 1);
    const Ex is_outside = apply(Fn::kOr, y.is_outside, x.is_outside);
    Vec<AxisIndex> index = axis_indexes({at[0], at[1]});
    index[0] = {.expr = image.id};
    const Bounds clamp{Bounds::Rule::kClamp};
    if (o.mode == "avg") {
      const Ex value = sampled(b, s, 0, index, {y.taps, x.taps}, clamp);
      const Ex inside = select(is_outside, constant_like(value, 0), value);
      const auto places = static_cast<double>(o.sampling_ratio * o.sampling_ratio);
      s.store(b.output(), at, sum(s, inside) / places);
      return {};
    }
    std::optional<Ex> most;
    for (const Sample& low : y.taps) {
      for (const Sample& side : x.taps) {
        const Ex share = sampled(b, s, 0, index, {{low}, {side}}, clamp);
        most = most ? apply(Fn::kMax, *most, share) : share;
      }
    }
    const Ex inside = select(is_outside, constant_like(*most, 0), *most);
    s.store(b.output(), at, maximum(s, inside));
    return {};
  }

 private:
  static Status check(const RoiAlign& o, const InferCtx& c) {
    constexpr int64_t kMost = 1 << 16;
    const auto fits = [](int64_t v) { return v >= 1 && v <= kMost; };
    if (!fits(o.output_height) || !fits(o.output_width)) {
      return c.error(kBadAttribute, "the output's height or width is not positive");
    }
    if (o.sampling_ratio == 0) {
      return c.error(kUnsupportedForm, "as many places as the region is large are not supported",
                     "export the model with a positive sampling_ratio");
    }
    if (!fits(o.sampling_ratio)) return c.error(kBadAttribute, "sampling_ratio is negative");
    if (o.mode != "avg" && o.mode != "max") {
      return c.error(kBadAttribute, "mode '" + o.mode + "' is not known");
    }
    const std::string& coordinates = o.coordinate_transformation_mode;
    if (coordinates != "half_pixel" && coordinates != "output_half_pixel") {
      return c.error(kBadAttribute,
                     "coordinate_transformation_mode '" + coordinates + "' is not known");
    }
    return {};
  }

  // Along one axis of the image.
  struct Sampled {
    Ex is_outside;
    Vec<Sample> taps;
  };

  // Axis 0: of height.
  static Sampled place_on(const RoiAlign& o, KernelBuilder& b, StageBuilder& s, const Vec<Dim>& at,
                          int axis) {
    const int64_t shares = axis == 0 ? o.output_height : o.output_width;
    const bool half = o.coordinate_transformation_mode == "half_pixel";
    const auto end_of = [&](int i) {
      return s.load(b.input(1), {at[0], i}) * static_cast<double>(o.spatial_scale) -
             (half ? 0.5 : 0);
    };
    const Ex begin = end_of(1 - axis), end = end_of(3 - axis);
    Ex width = end - begin;
    if (!half) width = apply(Fn::kMax, width, constant_like(width, 1));
    const Ex share = width / static_cast<double>(shares);
    const auto number = [&](const Dim& d) { return cast(s.index(d), share.type()); };
    const Ex before = number(at[static_cast<size_t>(axis) + 2]) * share;
    const Ex within = (number(s.loop(axis)) + 0.5) * share / static_cast<double>(o.sampling_ratio);
    const Ex place = begin + before + within;
    return place_at(place, number(b.in(0).shape[static_cast<size_t>(axis) + 2]));
  }

  // Up to one element outside, the nearest one counts.
  static Sampled place_at(Ex place, Ex extent) {
    const Ex below = apply(Fn::kLt, place, constant_like(place, -1));
    const Ex is_outside = apply(Fn::kOr, below, apply(Fn::kGt, place, extent));
    const Ex last = extent - 1;
    const Ex x = apply(Fn::kMin, apply(Fn::kMax, place, constant_like(place, 0)), last);
    const Ex whole = apply(Fn::kFloor, x);
    const Ex rest = x - whole;
    const Ex left = 1 - rest;
    const Ex first = cast(whole, DType::kI64), second = cast(whole + 1, DType::kI64);
    return {is_outside, {{first, left}, {second, rest}}};
  }
};
RLX_OP(RoiAlign);

}  // namespace rlx::ops
