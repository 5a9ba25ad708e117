#include "frontend/onnx/convert.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/compose.h"
#include "frontend/onnx/fused.h"
#include "frontend/onnx/generators.h"
#include "frontend/onnx/losses.h"
#include "frontend/onnx/normalizations.h"
#include "frontend/onnx/older.h"
#include "frontend/onnx/quantised.h"
#include "frontend/onnx/recurrent.h"
#include "op/concat.h"

namespace rlx::onnx {
namespace {

using A = AttributeProto;

template <class T>
Constant scalar(DType dtype, T value) {
  return make_constant(dtype, {}, std::string(reinterpret_cast<const char*>(&value), sizeof value));
}

template <class T>
Constant vector(DType dtype, const Vec<T>& elements) {
  auto size = static_cast<int64_t>(elements.size());
  return make_constant(
      dtype, {size},
      std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)));
}

// ---- Constants --------------------------------------------------------------------------------

Result<Constant> constant_of(Call& c, const A& a) {
  if (a.name == "value" && a.type == A::kTensor) return c.read_tensor(a.tensors.front());
  if (a.name == "value_float" && a.type == A::kFloat) return scalar(DType::kF32, a.f);
  if (a.name == "value_int" && a.type == A::kInt) return scalar(DType::kI64, a.i);
  if (a.name == "value_floats" && a.type == A::kFloats) return vector(DType::kF32, a.floats);
  if (a.name == "value_ints" && a.type == A::kInts) return vector(DType::kI64, a.ints);
  return c.error(kUnsupportedAttribute,
                 fmt::format("a constant given as {} is not supported", a.name));
}

Status convert_constant(Call& c) {
  if (c.attributes.size() != 1) {
    return c.error(kInvalidModel, "a Constant has exactly one attribute");
  }
  RLX_TRY(Constant constant, constant_of(c, c.attributes.front()));
  c.attributes.clear();
  c.results = {c.add_constant(std::move(constant))};
  return {};
}

// The value, a tensor of one element, becomes an input.
Status convert_constant_of_shape(Call& c) {
  auto value = c.take("value");
  if (!value || value->type != A::kTensor) return {};
  RLX_TRY(Constant constant, c.read_tensor(value->tensors.front()));
  c.set_input(1, c.add_constant(std::move(constant)));
  return {};
}

// ---- Inference knows the answer ---------------------------------------------------------------

// An input that is left out is false; one that only the run tells may be true.
bool may_be_true(const Call& c, size_t input) {
  if (!c.has_input(input)) return false;
  const Constant* constant = c.graph().constant_of(c.inputs[input]);
  auto elements = constant ? integers_of(*constant) : std::nullopt;
  return !elements || elements->size() != 1 || elements->front() != 0;
}

// Nothing is dropped at inference: the output is the input, the mask all true.
Status convert_dropout(Call& c) {
  if (may_be_true(c, 2)) {
    return c.error(kUnsupportedAttribute, "dropout in training mode is not supported",
                   "export the model for inference");
  }
  RLX_TRY_VOID(need_inputs(c, 1));
  const ValueId x = c.inputs.front();
  c.take("seed");
  c.results = {x};
  if (c.has_output(1)) {
    const ValueId all_true = c.add_constant(scalar(DType::kBool, true));
    c.results->push_back(c.add_node("expand", {all_true, c.add_node("shape", {x})}));
  }
  return {};
}

// As much less or more at both ends of each axis; where that is odd, by one more at the high end.
Status convert_center_crop_pad(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 2));
  const bool has_axes = c.find("axes") != nullptr;
  RLX_TRY(const Vec<int64_t> given, take_ints(c, "axes", {}));
  const ValueId axes = has_axes ? c.add_integers(given) : ValueId();
  const ValueId x = c.inputs[0], shape = c.add_node("shape", {x});
  const ValueId before = has_axes ? c.add_node("gather", {shape, axes}) : shape;
  const ValueId after = cast_to(c, DType::kI64, c.inputs[1]);
  // Half of the difference where it is positive.
  const auto half_above = [&](ValueId a, ValueId b) {
    const ValueId difference = c.add_node("sub", {a, b});
    const ValueId above = c.add_node("max", {difference, integer(c, 0)});
    return c.add_node("div", {above, integer(c, 2)});
  };
  const ValueId added = half_above(after, before), cut = half_above(before, after);
  const ValueId low = c.add_node("sub", {added, cut});
  const ValueId all = c.add_node("sub", {after, before});
  const ValueId high = c.add_node("sub", {all, low});
  const ValueId pads = c.add_node(attrs(ops::Concat{.axis = 0}), {low, high});
  Values inputs{x, pads};
  if (has_axes) inputs.insert(inputs.end(), {ValueId(), axes});
  c.results = {c.add_node("pad", inputs)};
  return {};
}

// 0 means to rlx that no scale is given.
Status convert_attention(Call& c) {
  const AttributeProto* scale = c.find("scale");
  if (!scale || scale->f != 0) return {};
  return c.error(kUnsupportedAttribute, "a scale of 0 is not supported");
}

Status convert_batch_normalization(Call& c) {
  RLX_TRY(const int64_t trains, take_int(c, "training_mode", 0));
  if (trains != 0) return convert_batch_normalization_in_training(c);
  // How fast running means follow the data matters to training alone.
  c.take("momentum");
  if (c.outputs.size() > 1) {
    return c.error(kUnsupportedAttribute, "batch normalization in training mode is not supported",
                   "export the model for inference");
  }
  return {};
}

// ---- Other forms ------------------------------------------------------------------------------

// What is left out: as many trips as there can be, and one in any case.
Status convert_loop(Call& c) {
  if (!c.has_input(0)) c.set_input(0, c.add_constant(make_i64({INT64_MAX}, 0)));
  if (!c.has_input(1)) c.set_input(1, c.add_constant(scalar(DType::kBool, true)));
  return {};
}

// What an empty optional or sequence could hold does not matter.
Status convert_optional(Call& c) {
  c.take("type");
  return {};
}

// The name that it had at first.
Status convert_scatter(Call& c) {
  c.op = "scatter_elements";
  return {};
}

Status convert_sequence_empty(Call& c) {
  c.op = "sequence_construct";
  c.take("dtype");
  return {};
}

Status convert_upsample(Call& c) {
  if (c.opset >= 10) return c.error(kInvalidModel, "Upsample is no operator of this set");
  c.op = "resize";
  return modernize_resize(c);
}

struct Conversion {
  std::string_view op_type;
  Status (*convert)(Call&);
};

constexpr std::array<Conversion, 30> kConversions{{
    {"Attention", convert_attention},
    {"BatchNormalization", convert_batch_normalization},
    {"BlackmanWindow", convert_window},
    {"CenterCropPad", convert_center_crop_pad},
    {"Constant", convert_constant},
    {"ConstantOfShape", convert_constant_of_shape},
    {"Dropout", convert_dropout},
    {"EyeLike", convert_eye_like},
    {"GRU", convert_recurrent},
    {"GroupNormalization", convert_group_normalization},
    {"HammingWindow", convert_window},
    {"HannWindow", convert_window},
    {"InstanceNormalization", convert_instance_normalization},
    {"LRN", convert_lrn},
    {"LSTM", convert_recurrent},
    {"Loop", convert_loop},
    {"LpNormalization", convert_lp_normalization},
    {"MeanVarianceNormalization", convert_mean_variance_normalization},
    {"MelWeightMatrix", convert_mel_weight_matrix},
    {"NegativeLogLikelihoodLoss", convert_nll_loss},
    {"Optional", convert_optional},
    {"QLinearConv", convert_quantised_product},
    {"QLinearMatMul", convert_quantised_product},
    {"RNN", convert_recurrent},
    {"Scatter", convert_scatter},
    {"SequenceEmpty", convert_sequence_empty},
    {"SimplifiedLayerNormalization", convert_simplified_normalization},
    {"SoftmaxCrossEntropyLoss", convert_softmax_cross_entropy},
    {"Swish", convert_swish},
    {"Upsample", convert_upsample},
}};

}  // namespace

Status convert(Call& call) {
  auto it = std::ranges::find(kConversions, call.op_type, &Conversion::op_type);
  return it == kConversions.end() ? Status() : it->convert(call);
}

}  // namespace rlx::onnx
