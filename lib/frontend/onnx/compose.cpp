#include "frontend/onnx/compose.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "op/cast.h"

namespace rlx::onnx {
namespace {

using A = AttributeProto;

// The attribute, an invalid one where it is left out.
Result<A> take_typed(Call& c, std::string_view name, A::Type type) {
  std::optional<A> a = c.take(name);
  if (!a) return A{};
  if (a->type == type) return *std::move(a);
  return c.error(kInvalidModel, fmt::format("attribute {} is of the wrong type", name));
}

// The input that has the element type of the output, where that is a float: the first of almost all operators.
size_t typed_input(std::string_view op) {
  const bool is_second =
      op == "where" || op == "cast_like" || op == "dequantize_linear" || op == "constant_of_shape";
  return is_second ? 1 : 0;
}

}  // namespace

Result<int64_t> take_int(Call& c, std::string_view name, int64_t fallback) {
  RLX_TRY(const A a, take_typed(c, name, A::kInt));
  return a.type == A::kInt ? a.i : fallback;
}

Result<float> take_float(Call& c, std::string_view name, float fallback) {
  RLX_TRY(const A a, take_typed(c, name, A::kFloat));
  return a.type == A::kFloat ? a.f : fallback;
}

Result<std::string_view> take_text(Call& c, std::string_view name, std::string_view fallback) {
  RLX_TRY(const A a, take_typed(c, name, A::kString));
  return a.type == A::kString ? a.s : fallback;
}

Result<Vec<float>> take_floats(Call& c, std::string_view name) {
  RLX_TRY(A a, take_typed(c, name, A::kFloats));
  return std::move(a.floats);
}

Result<Vec<int64_t>> take_ints(Call& c, std::string_view name, Vec<int64_t> fallback) {
  RLX_TRY(A a, take_typed(c, name, A::kInts));
  return a.type == A::kInts ? std::move(a.ints) : std::move(fallback);
}

AttributeProto int_attribute(std::string_view name, int64_t value) {
  A a;
  a.name = name;
  a.type = A::kInt;
  a.i = value;
  return a;
}

AttributeProto text_attribute(std::string_view name, std::string_view value) {
  A a;
  a.name = name;
  a.type = A::kString;
  a.s = value;
  return a;
}

Status need_inputs(const Call& c, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (c.has_input(i)) continue;
    return c.error(kInvalidModel, fmt::format("input {} cannot be left out", i));
  }
  return {};
}

DType float_type_of(const Call& c, ValueId v) {
  // So that many who ask do not take the square of the time.
  constexpr int kFarthest = 1000;
  for (int step = 0; step < kFarthest && v.valid(); ++step) {
    const Value& value = c.graph()[v];
    if (value.type.is_tensor()) return value.type.dtype;
    if (value.declared.is_tensor()) return value.declared.dtype;
    const Node* maker = c.graph().node_of(v);
    if (!maker) break;
    if (const auto* cast = as<ops::Cast>(*maker)) return cast->to;
    const size_t i = typed_input(maker->op_name());
    if (i >= maker->inputs.size()) break;
    v = maker->inputs[i];
  }
  return DType::kF32;
}

ValueId number(Call& c, DType type, float value) {
  const ValueId v = c.add_constant(make_constant(
      DType::kF32, {}, std::string(reinterpret_cast<const char*>(&value), sizeof value)));
  return type == DType::kF32 ? v : cast_to(c, type, v);
}

ValueId integer(Call& c, int64_t value) { return c.add_constant(make_i64({value}, 0)); }

ValueId floats(Call& c, const Vec<float>& elements) {
  std::string bytes(reinterpret_cast<const char*>(elements.data()),
                    elements.size() * sizeof(float));
  return c.add_constant(make_constant(DType::kF32, {std::ssize(elements)}, std::move(bytes)));
}

ValueId cast_to(Call& c, DType type, ValueId v) {
  return c.add_node(attrs(ops::Cast{.to = type}), {v});
}

Attrs with(std::string_view op, std::string_view attribute, int64_t value) {
  const OpDef* def = find_op(op);
  RLX_CHECK(def, std::string(op));
  Attrs attrs(def);
  attrs.each([&](std::string_view name, AttrRef ref) {
    if (name == attribute) *std::get<int64_t*>(ref) = value;
  });
  return attrs;
}

ValueId reduced(Call& c, std::string_view op, ValueId x, const Vec<int64_t>& axes) {
  const ValueId along = c.add_integers(axes);
  return c.add_node(op, {x, along});
}

ValueId reduced(Call& c, std::string_view op, ValueId x) {
  return c.add_node(with(op, "keepdims", 0), {x});
}

ValueId reshaped(Call& c, ValueId x, const Vec<int64_t>& shape) {
  const ValueId extents = c.add_integers(shape);
  return c.add_node("reshape", {x, extents});
}

ValueId shaped_like(Call& c, ValueId x, ValueId other) {
  const ValueId shape = c.add_node("shape", {other});
  return c.add_node("reshape", {x, shape});
}

}  // namespace rlx::onnx
