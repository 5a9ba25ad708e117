#include "frontend/onnx/older.h"

#include <limits>
#include <utility>

#include "frontend/codes.h"
#include "frontend/onnx/compose.h"

namespace rlx::onnx {
namespace {

using A = AttributeProto;

// What became input i: integers in both forms.
void to_input(Call& c, std::string_view name, size_t i) {
  const A* a = c.find(name);
  if (!a || a->type != A::kInts || c.has_input(i)) return;
  c.set_input(i, c.add_integers(a->ints));
  c.take(name);
}

Status axes_to_input(Call& c) {
  to_input(c, "axes", 1);
  return {};
}

Status modernize_slice(Call& c) {
  to_input(c, "starts", 1);
  to_input(c, "ends", 2);
  to_input(c, "axes", 3);
  return {};
}

Status modernize_top_k(Call& c) {
  const A* k = c.find("k");
  if (!k || k->type != A::kInt) return c.error(kInvalidModel, "k is missing");
  c.set_input(1, c.add_integers({k->i}));
  c.take("k");
  return {};
}

Status modernize_split(Call& c) {
  to_input(c, "split", 1);
  return {};
}

// The parts are as many as the outputs.
Status count_parts(Call& c) {
  if (!c.has_input(1)) c.give(int_attribute("num_outputs", std::ssize(c.outputs)));
  return {};
}

Status modernize_dft(Call& c) {
  RLX_TRY(const int64_t axis, take_int(c, "axis", 1));
  c.set_input(2, integer(c, axis));
  return {};
}

// Without bounds there still are some: infinity becomes the greatest f32.
Status modernize_clip(Call& c) {
  constexpr float kGreatest = std::numeric_limits<float>::max();
  RLX_TRY(const float low, take_float(c, "min", -kGreatest));
  RLX_TRY(const float high, take_float(c, "max", kGreatest));
  if (!c.has_input(0)) return {};
  const DType type = float_type_of(c, c.inputs[0]);
  c.set_input(1, number(c, type, low));
  c.set_input(2, number(c, type, high));
  return {};
}

Status modernize_pad(Call& c) {
  to_input(c, "pads", 1);
  RLX_TRY(const float value, take_float(c, "value", 0));
  if (value == 0 || !c.has_input(0)) return {};
  c.set_input(2, number(c, float_type_of(c, c.inputs[0]), value));
  return {};
}

// What the mask holds where nothing is dropped, these sets do not say.
Status modernize_dropout(Call& c) {
  c.take("ratio");
  if (!c.has_output(1)) return {};
  return c.error(kUnsupportedAttribute,
                 "the mask of a dropout of an older operator set is not supported",
                 "export the model for inference, or to operator set 12 or later");
}

Status check_spatial(Call& c) {
  RLX_TRY(const int64_t spatial, take_int(c, "spatial", 1));
  if (spatial == 1) return {};
  return c.error(kUnsupportedAttribute, "batch normalization with spatial = 0 is not supported",
                 "export the model to operator set 9 or later");
}

// Rows are all axes from `axis` on.
Status modernize_rows(Call& c) {
  RLX_TRY(const int64_t axis, take_int(c, "axis", 1));
  if (!c.has_input(0) || axis == -1) return {};
  const ValueId x = c.inputs[0];
  const Type& type = c.graph()[x].type;
  if (type.is_tensor() && axis == type.rank() - 1) return {};
  const ValueId matrix = c.add_node(with("flatten", "axis", axis), {x});
  const ValueId rows = c.add_node(c.op, {matrix});
  const ValueId shape = c.add_node("shape", {x});
  c.results = {c.add_node("reshape", {rows, shape})};
  return {};
}

// Elements lay at corners.
Status modernize_roi_align(Call& c) {
  c.give(text_attribute("coordinate_transformation_mode", "output_half_pixel"));
  return {};
}

Status modernize_upsample(Call& c) {
  RLX_TRY(const Vec<float> scales, take_floats(c, "scales"));
  c.set_input(1, floats(c, scales));
  return {};
}

struct Change {
  std::string_view op_type;
  // The first operator set with the newer form.
  int64_t set;
  Status (*convert)(Call&);
};

// Of one operator, the oldest change first.
constexpr Change kChanges[] = {
    {"BatchNormalization", 9, check_spatial},
    {"Clip", 11, modernize_clip},
    {"DFT", 20, modernize_dft},
    {"Dropout", 12, modernize_dropout},
    {"Hardmax", 13, modernize_rows},
    {"LogSoftmax", 13, modernize_rows},
    {"Pad", 11, modernize_pad},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSum", 13, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Resize", 11, modernize_resize},
    {"RoiAlign", 16, modernize_roi_align},
    {"Slice", 10, modernize_slice},
    {"Softmax", 13, modernize_rows},
    {"Split", 13, modernize_split},
    {"Split", 18, count_parts},
    {"Squeeze", 13, axes_to_input},
    {"TopK", 10, modernize_top_k},
    {"Unsqueeze", 13, axes_to_input},
    {"Upsample", 9, modernize_upsample},
};

}  // namespace

// Scales are the second input. The nearest element is the one below, or above where the axis shrinks.
Status modernize_resize(Call& c) {
  if (!c.has_input(1)) return c.error(kInvalidModel, "scales are missing");
  c.set_input(2, std::exchange(c.inputs[1], ValueId()));
  c.give(text_attribute("coordinate_transformation_mode", "asymmetric"));
  c.give(text_attribute("nearest_mode", "simple"));
  return {};
}

Status modernize(Call& call) {
  for (const Change& change : kChanges) {
    if (change.op_type != call.op_type || call.opset >= change.set) continue;
    RLX_TRY_VOID(change.convert(call));
  }
  return {};
}

}  // namespace rlx::onnx
