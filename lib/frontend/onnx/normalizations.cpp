#include "frontend/onnx/normalizations.h"

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/compose.h"
#include "op/average_pool.h"
#include "op/concat.h"
#include "op/layer_normalization.h"

namespace rlx::onnx {
namespace {

constexpr float kEpsilon = 1e-5F;

// x[n, groups, ...] with rows of what follows axis `axis - 1`; scale and bias broadcast to it.
ValueId normalized(Call& c, ValueId x, int64_t axis, float epsilon, ValueId scale, ValueId bias) {
  return c.add_node(attrs(ops::LayerNormalization{.axis = axis, .epsilon = epsilon}),
                    {x, scale, bias});
}

// [n, channels, ...] as [n, groups, channels of a group, the rest]; `scale` has one number a channel.
ValueId in_groups(Call& c, ValueId x, int64_t groups, ValueId scale) {
  const ValueId of_groups = reshaped(c, scale, {groups, -1});
  const ValueId shape = c.add_node("shape", {of_groups});
  const ValueId keep = c.add_integers({0}), rest = c.add_integers({-1});
  const ValueId extents = c.add_node(attrs(ops::Concat{.axis = 0}), {keep, shape, rest});
  return c.add_node("reshape", {x, extents});
}

Result<int64_t> take_groups(Call& c) {
  RLX_TRY(const int64_t groups, take_int(c, "num_groups", 0));
  if (groups > 0) return groups;
  return c.error(kInvalidModel, "num_groups is no positive integer");
}

struct Lrn {
  float alpha = 0, beta = 0, bias = 0;
  int64_t size = 0;
};

Result<Lrn> take_lrn(Call& c) {
  Lrn o;
  RLX_TRY(o.alpha, take_float(c, "alpha", 1e-4F));
  RLX_TRY(o.beta, take_float(c, "beta", 0.75F));
  RLX_TRY(o.bias, take_float(c, "bias", 1));
  RLX_TRY(o.size, take_int(c, "size", 0));
  if (o.size > 0) return o;
  return c.error(kInvalidModel, "size is no positive integer");
}

// The mean of v[n, c, ...] over `size` channels around each; the window goes over the edge, into zeros.
ValueId mean_of_channels(Call& c, ValueId v, int64_t size) {
  const ops::AveragePool window{.count_include_pad = 1,
                                .kernel_shape = {size, 1},
                                .pads = {(size - 1) / 2, 0, size / 2, 0},
                                .strides = {1, 1}};
  const ValueId axis = c.add_integers({1});
  const ValueId flat = reshaped(c, v, {0, 0, -1});
  const ValueId image = c.add_node("unsqueeze", {flat, axis});
  const ValueId means = c.add_node(attrs(window), {image});
  return shaped_like(c, means, v);
}

}  // namespace

Status convert_instance_normalization(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 3));
  RLX_TRY(const float epsilon, take_float(c, "epsilon", kEpsilon));
  const ValueId rows = reshaped(c, c.inputs[0], {0, 0, -1});
  const ValueId scale = reshaped(c, c.inputs[1], {-1, 1});
  const ValueId bias = reshaped(c, c.inputs[2], {-1, 1});
  const ValueId y = normalized(c, rows, 2, epsilon, scale, bias);
  c.results = {shaped_like(c, y, c.inputs[0])};
  return {};
}

Status convert_batch_normalization_in_training(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 5));
  RLX_TRY(const float epsilon, take_float(c, "epsilon", kEpsilon));
  RLX_TRY(const float momentum, take_float(c, "momentum", 0.9F));
  const ValueId image = reshaped(c, c.inputs[0], {0, 0, -1});
  const ValueId mean = reduced(c, "reduce_mean", image, {0, 2});
  const ValueId centred = c.add_node("sub", {image, mean});
  const ValueId squares = c.add_node("mul", {centred, centred});
  const ValueId variance = reduced(c, "reduce_mean", squares, {0, 2});
  const DType type = float_type_of(c, c.inputs[0]);
  const ValueId shifted = c.add_node("add", {variance, number(c, type, epsilon)});
  const ValueId scaled = c.add_node("div", {centred, c.add_node("sqrt", {shifted})});
  const ValueId scale = reshaped(c, c.inputs[1], {-1, 1}), bias = reshaped(c, c.inputs[2], {-1, 1});
  const ValueId y = c.add_node("add", {c.add_node("mul", {scaled, scale}), bias});
  const auto moved = [&](ValueId before, ValueId now) {
    const DType own = float_type_of(c, before);
    const ValueId kept = c.add_node("mul", {before, number(c, own, momentum)});
    const ValueId flat = c.add_node("cast_like", {reshaped(c, now, {-1}), before});
    return c.add_node("add", {kept, c.add_node("mul", {flat, number(c, own, 1 - momentum)})});
  };
  c.results = {shaped_like(c, y, c.inputs[0])};
  if (c.outputs.size() > 1) c.results->push_back(moved(c.inputs[3], mean));
  if (c.outputs.size() > 2) c.results->push_back(moved(c.inputs[4], variance));
  return {};
}

Status convert_group_normalization(Call& c) {
  // Before, scale and bias have one number a group.
  constexpr int64_t kOfChannels = 21;
  RLX_TRY_VOID(need_inputs(c, 3));
  RLX_TRY(const float epsilon, take_float(c, "epsilon", kEpsilon));
  RLX_TRY(const int64_t groups, take_groups(c));
  const ValueId x = c.inputs[0];
  ValueId y;
  if (c.opset < kOfChannels) {
    const ValueId scale = reshaped(c, c.inputs[1], {groups, 1});
    const ValueId bias = reshaped(c, c.inputs[2], {groups, 1});
    y = normalized(c, reshaped(c, x, {0, groups, -1}), 2, epsilon, scale, bias);
  } else {
    const ValueId scale = reshaped(c, c.inputs[1], {groups, -1, 1});
    const ValueId bias = reshaped(c, c.inputs[2], {groups, -1, 1});
    y = normalized(c, in_groups(c, x, groups, c.inputs[1]), 2, epsilon, scale, bias);
  }
  c.results = {shaped_like(c, y, x)};
  return {};
}

Status convert_mean_variance_normalization(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  RLX_TRY(const Vec<int64_t> axes, take_ints(c, "axes", {0, 2, 3}));
  const ValueId x = c.inputs[0];
  const ValueId centred = c.add_node("sub", {x, reduced(c, "reduce_mean", x, axes)});
  const ValueId squares = c.add_node("mul", {centred, centred});
  const ValueId deviation = c.add_node("sqrt", {reduced(c, "reduce_mean", squares, axes)});
  const ValueId epsilon = number(c, float_type_of(c, x), 1e-9F);
  const ValueId divisor = c.add_node("add", {deviation, epsilon});
  c.results = {c.add_node("div", {centred, divisor})};
  return {};
}

// x / (bias + alpha * the mean of squares)^beta.
Status convert_lrn(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  RLX_TRY(const Lrn o, take_lrn(c));
  const ValueId x = c.inputs[0];
  const DType type = float_type_of(c, x);
  const ValueId squares = c.add_node("mul", {x, x});
  const ValueId means = mean_of_channels(c, squares, o.size);
  const ValueId scaled = c.add_node("mul", {means, number(c, type, o.alpha)});
  const ValueId sum = c.add_node("add", {scaled, number(c, type, o.bias)});
  const ValueId divisor = c.add_node("pow", {sum, number(c, type, o.beta)});
  c.results = {c.add_node("div", {x, divisor})};
  return {};
}

// x by its norm along an axis; what has none stays 0.
Status convert_lp_normalization(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  RLX_TRY(const int64_t axis, take_int(c, "axis", -1));
  RLX_TRY(const int64_t p, take_int(c, "p", 2));
  if (p != 1 && p != 2) return c.error(kInvalidModel, "p is neither 1 nor 2");
  const ValueId x = c.inputs[0];
  const ValueId norm = reduced(c, p == 1 ? "reduce_l1" : "reduce_l2", x, {axis});
  const ValueId zero = number(c, float_type_of(c, x), 0);
  const ValueId is_zero = c.add_node("equal", {norm, zero});
  c.results = {c.add_node("where", {is_zero, zero, c.add_node("div", {x, norm})})};
  return {};
}

}  // namespace rlx::onnx
