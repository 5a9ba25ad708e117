#include "frontend/onnx/quantised.h"

#include "frontend/codes.h"
#include "frontend/onnx/attributes.h"
#include "op/conv_integer.h"
#include "op/dequantize_linear.h"
#include "op/matmul_integer.h"

namespace rlx::onnx {
namespace {

// Of x, w and y: where each stands among the inputs; its scale and its zero point stand behind it.
constexpr size_t kX = 0, kW = 3, kBias = 8;
constexpr size_t kScaleOfY = 6, kZeroOfY = 7;

// A scale of one element as a scalar: others are refused where types are known.
ValueId as_scalar(Call& c, ValueId scale) {
  return c.add_node("reshape", {scale, c.add_integers({})});
}

// What a step of the sums is in steps of y, in onnxruntime's order, since the last bit decides where halves go.
ValueId scale_of_sums(Call& c) {
  const ValueId of_x = as_scalar(c, c.inputs[kX + 1]);
  const ValueId of_y = as_scalar(c, c.inputs[kScaleOfY]);
  const ValueId both = c.add_node("mul", {of_x, c.inputs[kW + 1]});
  return c.add_node("div", {both, of_y});
}

ValueId one(Call& c) {
  const float value = 1;
  return c.add_constant(make_constant(
      DType::kF32, {}, std::string(reinterpret_cast<const char*>(&value), sizeof value)));
}

}  // namespace

Status convert_quantised_product(Call& c) {
  for (size_t i = 0; i < kBias; ++i) {
    if (!c.has_input(i)) return c.error(kInvalidModel, "a scale or a zero point is left out");
  }
  const bool is_conv = c.op_type == "QLinearConv";
  Attrs sums = is_conv ? attrs(ops::ConvInteger{}) : attrs(ops::MatMulInteger{});
  if (auto problems = assign(c, sums); !problems.empty()) return Error(std::move(problems));
  Values operands = {c.inputs[kX], c.inputs[kW], c.inputs[kX + 2], c.inputs[kW + 2]};
  if (is_conv && c.has_input(kBias)) operands.push_back(c.inputs[kBias]);
  const ValueId products = c.add_node(std::move(sums), std::move(operands));
  // A scale for each output channel, or for each column.
  const ops::DequantizeLinear scaled{.axis = is_conv ? 1 : -1};
  const ValueId y = c.add_node(attrs(scaled), {products, scale_of_sums(c)});
  c.results = {c.add_node("quantize_linear", {y, one(c), c.inputs[kZeroOfY]})};
  return {};
}

}  // namespace rlx::onnx
