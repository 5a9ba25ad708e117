// An image, or any tensor, made larger or smaller along its axes: each element of the output is interpolated of those
// about the place where it comes from.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/float_extent.h"
#include "op/shared/rational.h"
#include "op/shared/resampling.h"

namespace rlx::ops {

// Inputs: x, the part of each axis that is taken (roi), and either factors (scales) or extents (sizes) of the axes.
//
// One axis after the other: gathers of the elements about a place, weighted. An axis that becomes a whole number of times
// as long with the nearest elements is repeated, which needs no indexes in memory.
struct Resize {
  static constexpr std::string_view name = "resize";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 3};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t antialias = 0;
  // Empty: all.
  Vec<int64_t> axes = {};
  std::string coordinate_transformation_mode = "half_pixel";
  float cubic_coeff_a = -0.75F;
  int64_t exclude_outside = 0;
  float extrapolation_value = 0;
  std::string keep_aspect_ratio_policy = "stretch";
  std::string mode = "nearest";
  std::string nearest_mode = "round_prefer_floor";

  static Result<Types> infer(const Resize& o, InferCtx& c) {
    RLX_TRY_VOID(check_modes(o, c));
    const int rank = c.in(0).rank();
    RLX_TRY_VOID(checked_axes(c, o.axes, rank));
    const Vec<int> axes = resized_axes(o, rank);
    if (c.has(2) && c.in(2).shape != Vec<Dim>{0}) return scaled(o, c, axes);
    if (!c.has(3)) return c.error(kBadInput, "neither scales nor sizes are given");
    return sized(o, c, axes);
  }

  static Result<Values> expand(const Resize& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const bool is_narrow = x.dtype() == DType::kF16 || x.dtype() == DType::kBF16;
    Wire y = is_narrow && o.mode != "nearest" ? cast(x, DType::kF32) : x;
    Wire outside = f.none();
    const Vec<Dim> shape = f(block.outputs[0]).shape();
    for (const Resampling& r : resamplings(o, f, block, shape)) {
      if (r.is_identity()) continue;
      y = along(o, y, r, outside);
    }
    if (outside.valid()) {
      const Wire value = f.number(y.dtype(), static_cast<double>(o.extrapolation_value));
      y = f.make("where", {outside, value, y});
    }
    return f.values({cast(y, x.dtype())});
  }

 private:
  static bool is_one_of(std::string_view s, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, s) != names.end();
  }

  static Status check_modes(const Resize& o, const InferCtx& c) {
    const auto refuse = [&](std::string_view attribute, std::string_view value) {
      return c.error(kBadAttribute, fmt::format("{} '{}' is not known", attribute, value));
    };
    if (!is_one_of(o.mode, {"nearest", "linear", "cubic"})) return refuse("mode", o.mode);
    if (!is_one_of(o.coordinate_transformation_mode,
                   {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"})) {
      return refuse("coordinate_transformation_mode", o.coordinate_transformation_mode);
    }
    if (!is_one_of(o.nearest_mode,
                   {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"})) {
      return refuse("nearest_mode", o.nearest_mode);
    }
    if (!is_one_of(o.keep_aspect_ratio_policy, {"stretch", "not_larger", "not_smaller"})) {
      return refuse("keep_aspect_ratio_policy", o.keep_aspect_ratio_policy);
    }
    if (o.mode != "nearest" && !is_float(c.in(0).dtype)) {
      return c.error(kUnsupportedForm, "only floats are interpolated");
    }
    return {};
  }

  // In the order of what is given for them, of attributes that inference has accepted.
  static Vec<int> resized_axes(const Resize& o, int rank) {
    if (o.axes.empty()) return iota(0, rank);
    Vec<int> axes;
    for (const int64_t axis : o.axes) axes.push_back(axis_of(axis, rank));
    return axes;
  }

  static Result<Types> scaled(const Resize& o, const InferCtx& c, const Vec<int>& axes) {
    RLX_TRY(const Vec<float> scales, floats(c, 2, "scales"));
    Vec<float> roi;
    const bool crops = o.coordinate_transformation_mode == "tf_crop_and_resize";
    if (crops) {
      RLX_TRY(roi, floats(c, 1, "roi"));
    }
    if (scales.size() != axes.size() || (crops && roi.size() != 2 * axes.size())) {
      return c.error(kBadInput, "scales or roi are not as many as the axes");
    }
    Vec<Dim> shape = c.in(0).shape;
    for (size_t i = 0; i < axes.size(); ++i) {
      Dim& extent = shape[static_cast<size_t>(axes[i])];
      const float part = crops ? roi[axes.size() + i] - roi[i] : 1;
      const auto times = rational_of(scales[i] * part);
      if (!times || scales[i] <= 0) return c.error(kBadInput, "a scale is no positive number");
      extent = c.simplified(floor_div(extent * times->above, times->below));
    }
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  static Result<Types> sized(const Resize& o, InferCtx& c, const Vec<int>& axes) {
    RLX_TRY(Vec<Dim> sizes, known_extents(c, 3, "the sizes"));
    if (sizes.size() != axes.size()) return c.error(kBadInput, "sizes are not as many as the axes");
    if (o.keep_aspect_ratio_policy != "stretch") {
      RLX_TRY(sizes, in_proportion(o, c, axes, sizes));
    }
    Vec<Dim> shape = c.in(0).shape;
    for (size_t i = 0; i < axes.size(); ++i) shape[static_cast<size_t>(axes[i])] = sizes[i];
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  // All axes by one factor: the least, or the greatest, of those that the sizes mean. nullopt: not known.
  static std::optional<float> common_factor(const Resize& o, const Vec<Dim>& shape,
                                            const Vec<int>& axes, const Vec<Dim>& sizes) {
    const bool least = o.keep_aspect_ratio_policy == "not_larger";
    std::optional<float> factor;
    for (size_t i = 0; i < axes.size(); ++i) {
      const auto in = shape[static_cast<size_t>(axes[i])].constant(), out = sizes[i].constant();
      if (!in || !out || *in == 0) return std::nullopt;
      const float own = static_cast<float>(*out) / static_cast<float>(*in);
      factor = !factor ? own : least ? std::min(*factor, own) : std::max(*factor, own);
    }
    return factor;
  }

  static Result<Vec<Dim>> in_proportion(const Resize& o, const InferCtx& c, const Vec<int>& axes,
                                        const Vec<Dim>& sizes) {
    const std::optional<float> factor = common_factor(o, c.in(0).shape, axes, sizes);
    if (!factor) {
      return c.error(kMustBeKnown, "sizes in proportion are not known", "bind the dims");
    }
    Vec<Dim> out;
    for (const int axis : axes) {
      const auto extent = static_cast<float>(*c.in(0).shape[static_cast<size_t>(axis)].constant());
      const float whole = std::floor(extent * *factor + 0.5F);
      RLX_TRY(out.emplace_back(),
              float_extent(c, static_cast<double>(whole), "a size in proportion"));
    }
    return out;
  }

  static Result<Vec<float>> floats(const InferCtx& c, int i, std::string_view what) {
    const Constant* constant = c.has(i) ? c.constant(i) : nullptr;
    if (!constant) {
      return c.error(kMustBeKnown, fmt::format("{} have to be known", what),
                     "export the model with sizes, or with constant scales");
    }
    if (constant->dtype != DType::kF32) {
      return c.error(kUnsupportedForm, fmt::format("{} that are not f32", what));
    }
    Vec<float> numbers;
    for (int64_t e = 0; e < constant->elements(); ++e) {
      numbers.push_back(float_at(*constant, static_cast<size_t>(e)));
    }
    return numbers;
  }

  // Of f32.
  static float float_at(const Constant& c, size_t i) {
    float x = 0;
    std::memcpy(&x, c.data.bytes().data() + i * sizeof x, sizeof x);
    return x;
  }

  // Names stand in the attributes.
  static Vec<Resampling> resamplings(const Resize& o, Formula& f, const Node& block,
                                     const Vec<Dim>& shape) {
    const auto input = [&](size_t i) { return f.input(block, i); };
    const Graph& g = f.builder().graph();
    const Constant* scales = input(2).valid() ? g.constant_of(input(2).id) : nullptr;
    const Vec<Dim> in = input(0).shape();
    const Vec<int> axes = resized_axes(o, input(0).rank());
    std::optional<float> factor;
    if (o.keep_aspect_ratio_policy != "stretch" && input(3).valid()) {
      factor = common_factor(o, in, axes, *known_elements(g, input(3).id, {}));
    }
    Vec<Resampling> all;
    for (size_t i = 0; i < axes.size(); ++i) {
      const auto axis = static_cast<size_t>(axes[i]);
      Resampling r{axes[i], in[axis], shape[axis], factor};
      r.coordinates = o.coordinate_transformation_mode;
      r.nearest = o.nearest_mode;
      if (scales && scales->elements() > 0) r.scale = float_at(*scales, i);
      if (r.coordinates == "tf_crop_and_resize") {
        r.start = scalar_at(input(1), i);
        r.end = scalar_at(input(1), axes.size() + i);
      }
      all.push_back(std::move(r));
    }
    return all;
  }

  static Wire scalar_at(Wire v, size_t i) {
    const Dim at = static_cast<int64_t>(i);
    return cast(reshape(slice(v, 0, at, at + 1), {}), DType::kF32);
  }

  // `outside`: where an axis before came from outside.
  static Wire along(const Resize& o, Wire x, const Resampling& r, Wire& outside) {
    Formula& f = *x.formula;
    const std::optional<int64_t> repeats = r.repeats();
    if (o.mode == "nearest" && repeats) return repeated(x, r, *repeats);
    const Wire places = coordinates(f, r);
    if (r.coordinates == "tf_crop_and_resize") {
      const Wire here = along_axis(are_outside(places, r), r, x.rank());
      outside = outside.valid() ? f.make("or", {outside, here}) : here;
    }
    const bool inside = o.exclude_outside != 0;
    if (o.mode == "nearest") return resampled(x, r, nearest_taps(places, r));
    const bool cubic = o.mode == "cubic";
    if (o.antialias != 0) {
      return smoothed(x, r, smooth_taps(places, r, cubic, o.cubic_coeff_a, inside));
    }
    if (cubic) return resampled(x, r, cubic_taps(places, r, o.cubic_coeff_a, inside));
    return resampled(x, r, linear_taps(places, r));
  }

  // As a broadcast along an axis that is merged with its own.
  static Wire repeated(Wire x, const Resampling& r, int64_t times) {
    Vec<Dim> apart = x.shape();
    apart.insert(apart.begin() + r.axis + 1, 1);
    const Wire thin = reshape(x, apart);
    apart[static_cast<size_t>(r.axis) + 1] = times;
    Vec<Dim> together = x.shape();
    together[static_cast<size_t>(r.axis)] = r.out;
    return reshape(rlx::expand(thin, apart), together);
  }

  static Wire smoothed(Wire x, const Resampling& r, const SmoothTaps& taps) {
    const Wire elements = chosen(x, r, taps.index);
    Vec<int> order = iota(0, x.rank());
    std::swap(order[static_cast<size_t>(r.axis)], order.back());
    const Wire rows = transpose(elements, order);
    const Wire weights = cast(transpose(taps.weights, {1, 0}), x.dtype());
    return transpose(x.formula->make("matmul", {rows, weights}), order);
  }
};
RLX_OP(Resize);

}  // namespace rlx::ops
