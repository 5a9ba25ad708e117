// Words for writing an operator of the model as others: its attributes with their defaults, numbers, and the nodes that
// compositions share.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Takes the attribute off the node; an error where it is of another type.
Result<int64_t> take_int(Call& c, std::string_view name, int64_t fallback);
Result<float> take_float(Call& c, std::string_view name, float fallback);
Result<std::string_view> take_text(Call& c, std::string_view name, std::string_view fallback);
// Empty where it is left out.
Result<Vec<float>> take_floats(Call& c, std::string_view name);
Result<Vec<int64_t>> take_ints(Call& c, std::string_view name, Vec<int64_t> fallback);

AttributeProto int_attribute(std::string_view name, int64_t value);
// Both live as long as the call.
AttributeProto text_attribute(std::string_view name, std::string_view value);

// An error where one of the first `count` inputs is left out.
Status need_inputs(const Call& c, size_t count);

// The element type of v, a tensor of floats, as far as the nodes that make it tell before inference; else f32. Nothing
// hangs on a wrong answer: operators refuse operands of two types.
DType float_type_of(const Call& c, ValueId v);
// A scalar of that type.
ValueId number(Call& c, DType type, float value);
ValueId integer(Call& c, int64_t value);
// A vector of f32.
ValueId floats(Call& c, const Vec<float>& elements);
ValueId cast_to(Call& c, DType type, ValueId v);

// The operator with one of its attributes set.
Attrs with(std::string_view op, std::string_view attribute, int64_t value);
// A reduction along the axes, which stay as 1; of all elements to a scalar.
ValueId reduced(Call& c, std::string_view op, ValueId x, const Vec<int64_t>& axes);
ValueId reduced(Call& c, std::string_view op, ValueId x);
// x as a tensor of that shape, where 0 keeps an extent and -1 is what is left.
ValueId reshaped(Call& c, ValueId x, const Vec<int64_t>& shape);
// x with the shape of another of as many elements.
ValueId shaped_like(Call& c, ValueId x, ValueId other);

}  // namespace rlx::onnx
