#include "frontend/onnx/fused.h"

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/attributes.h"
#include "frontend/onnx/compose.h"
#include "frontend/onnx/names.h"
#include "frontend/onnx/normalizations.h"
#include "op/concat.h"
#include "op/gelu.h"
#include "op/hard_sigmoid.h"
#include "op/layer_normalization.h"
#include "op/leaky_relu.h"
#include "op/rms_normalization.h"
#include "op/transpose.h"

namespace rlx::onnx {
namespace {

// Of normalizations with a skip.
constexpr float kSmallEpsilon = 1e-12F;

ValueId slice(Call& c, ValueId v, int64_t start, int64_t end) {
  const ValueId from = c.add_integers({start}), to = c.add_integers({end});
  return c.add_node("slice", {v, from, to});
}

// With its last two axes swapped, whatever its rank is: the axes before go together for as long.
ValueId swap_last_axes(Call& c, ValueId x) {
  const ValueId shape = c.add_node("shape", {x});
  const ValueId rows = slice(c, shape, -2, -1), columns = slice(c, shape, -1, INT64_MAX);
  const ValueId batch = slice(c, shape, 0, -2), all = c.add_integers({-1});
  const ValueId matrices = c.add_node(attrs(ops::Concat{.axis = 0}), {all, rows, columns});
  const ValueId flat = c.add_node("reshape", {x, matrices});
  const ValueId turned = c.add_node(attrs(ops::Transpose{.perm = {0, 2, 1}}), {flat});
  const ValueId extents = c.add_node(attrs(ops::Concat{.axis = 0}), {batch, columns, rows});
  return c.add_node("reshape", {turned, extents});
}

// What follows an operator in its own node.
struct Activation {
  // Empty: none.
  std::string_view name;
  Vec<float> parameters;
};

ValueId clipped(Call& c, const Activation& a, ValueId y) {
  const DType type = float_type_of(c, y);
  const ValueId low = number(c, type, a.parameters[0]), high = number(c, type, a.parameters[1]);
  return c.add_node("clip", {y, low, high});
}

Result<ValueId> activated(Call& c, const Activation& a, ValueId y) {
  const size_t count = a.parameters.size();
  if (a.name.empty()) return y;
  if (a.name == "Relu" || a.name == "Tanh" || a.name == "Sigmoid") {
    return c.add_node(rlx_name(a.name), {y});
  }
  if (a.name == "LeakyRelu" && count > 0) {
    return c.add_node(attrs(ops::LeakyRelu{.alpha = a.parameters[0]}), {y});
  }
  if (a.name == "HardSigmoid" && count > 1) {
    return c.add_node(attrs(ops::HardSigmoid{a.parameters[0], a.parameters[1]}), {y});
  }
  if (a.name == "Clip" && count > 1) return clipped(c, a, y);
  return c.error(kUnsupportedAttribute,
                 fmt::format("activation {} with {} parameters is not supported", a.name, count));
}

// The operator with what is left of the node's attributes, which are its own.
Result<ValueId> add_own(Call& c, std::string_view op, Values inputs) {
  Attrs own(find_op(op));
  if (auto problems = assign(c, own); !problems.empty()) return Error(std::move(problems));
  c.attributes.clear();
  return c.add_node(std::move(own), std::move(inputs));
}

// a, plus an input that may be left out.
ValueId sum_of(Call& c, ValueId a, size_t input) {
  return c.has_input(input) ? c.add_node("add", {a, c.inputs[input]}) : a;
}

// x * sigmoid(alpha * x).
Status convert_gated(Call& c, float otherwise) {
  RLX_TRY_VOID(need_inputs(c, 1));
  RLX_TRY(const float alpha, take_float(c, "alpha", otherwise));
  const ValueId x = c.inputs[0];
  const ValueId factor = number(c, float_type_of(c, x), alpha);
  const ValueId scaled = c.add_node("mul", {x, factor});
  const ValueId gate = c.add_node("sigmoid", {scaled});
  c.results = {c.add_node("mul", {x, gate})};
  return {};
}

}  // namespace

// Inputs: x, weights, bias, and what is added before the activation; the last two may be left out.
Status convert_fused_conv(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 2));
  RLX_TRY(const std::string_view name, take_text(c, "activation", ""));
  RLX_TRY(Vec<float> parameters, take_floats(c, "activation_params"));
  Values inputs{c.inputs[0], c.inputs[1]};
  if (c.has_input(2)) inputs.push_back(c.inputs[2]);
  RLX_TRY(const ValueId y, add_own(c, "conv", std::move(inputs)));
  RLX_TRY(const ValueId result, activated(c, {name, std::move(parameters)}, sum_of(c, y, 3)));
  c.results = {result};
  return {};
}

Status convert_fused_gemm(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 2));
  Activation a;
  RLX_TRY(a.name, take_text(c, "activation", ""));
  for (const std::string_view name : {"activation_alpha", "activation_beta"}) {
    if (!c.find(name)) continue;
    RLX_TRY(const float parameter, take_float(c, name, 0));
    a.parameters.push_back(parameter);
  }
  RLX_TRY(const ValueId y, add_own(c, "gemm", c.inputs));
  RLX_TRY(const ValueId result, activated(c, a, y));
  c.results = {result};
  return {};
}

Status convert_fused_matmul(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 2));
  for (const std::string_view name : {"transBatchA", "transBatchB"}) {
    RLX_TRY(const int64_t batch, take_int(c, name, 0));
    if (batch == 0) continue;
    return c.error(kUnsupportedAttribute, std::string(name) + " is not supported");
  }
  RLX_TRY(const float alpha, take_float(c, "alpha", 1));
  RLX_TRY(const int64_t turns_a, take_int(c, "transA", 0));
  RLX_TRY(const int64_t turns_b, take_int(c, "transB", 0));
  const ValueId a = turns_a != 0 ? swap_last_axes(c, c.inputs[0]) : c.inputs[0];
  const ValueId b = turns_b != 0 ? swap_last_axes(c, c.inputs[1]) : c.inputs[1];
  const ValueId product = c.add_node("matmul", {a, b});
  c.results = {product};
  if (alpha == 1) return {};
  const ValueId factor = number(c, float_type_of(c, c.inputs[0]), alpha);
  c.results = {c.add_node("mul", {product, factor})};
  return {};
}

Status convert_gelu(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  c.results = {c.add_node("gelu", {sum_of(c, c.inputs[0], 1)})};
  return {};
}

Status convert_fast_gelu(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  const ValueId x = sum_of(c, c.inputs[0], 1);
  c.results = {c.add_node(attrs(ops::Gelu{.approximate = "tanh"}), {x})};
  return {};
}

Status convert_quick_gelu(Call& c) {
  constexpr float kAlpha = 1.702F;
  return convert_gated(c, kAlpha);
}

Status convert_swish(Call& c) { return convert_gated(c, 1); }

// onnxruntime's older name of RMSNormalization.
Status convert_simplified_normalization(Call& c) {
  c.op = "rms_normalization";
  return {};
}

// Inputs: x, skip, scale, and optionally the bias of the rows and that of x. Outputs: y, mean and factor of each row,
// the sum that is normalized.
Status convert_skip_normalization(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 3));
  RLX_TRY(const float epsilon, take_float(c, "epsilon", kSmallEpsilon));
  const ValueId sum = sum_of(c, c.add_node("add", {c.inputs[0], c.inputs[1]}), 4);
  Values inputs{sum, c.inputs[2]};
  if (c.has_input(3)) inputs.push_back(c.inputs[3]);
  const bool has_statistics = c.has_output(1) || c.has_output(2);
  Values rows = c.add_node(attrs(ops::LayerNormalization{.epsilon = epsilon}), std::move(inputs),
                           size_t{has_statistics ? 3U : 1U});
  rows.resize(3);
  rows.push_back(sum);
  c.results = std::move(rows);
  return {};
}

// The same without means, and so without the bias of the rows.
Status convert_skip_simplified_normalization(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 3));
  RLX_TRY(const float epsilon, take_float(c, "epsilon", kSmallEpsilon));
  if (c.has_output(1)) {
    return c.error(kUnsupportedAttribute, "the output of means is not supported");
  }
  const ValueId sum = sum_of(c, c.add_node("add", {c.inputs[0], c.inputs[1]}), 3);
  const ops::RmsNormalization rows{.epsilon = epsilon};
  const bool has_factors = c.has_output(2);
  Values made = c.add_node(attrs(rows), {sum, c.inputs[2]}, size_t{has_factors ? 2U : 1U});
  made.resize(2);
  c.results = {made[0], {}, made[1], sum};
  return {};
}

}  // namespace rlx::onnx
