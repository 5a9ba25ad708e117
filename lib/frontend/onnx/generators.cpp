#include "frontend/onnx/generators.h"

#include <numbers>

#include "frontend/codes.h"
#include "frontend/onnx/compose.h"

namespace rlx::onnx {
namespace {

// Element i is at - first * cos(t) + second * cos(2t) with t = 2 pi i / period.
struct Window {
  float at = 0, first = 0, second = 0;
};

Window window_of(std::string_view op_type) {
  if (op_type == "HannWindow") return {0.5F, 0.5F, 0};
  if (op_type == "HammingWindow") return {25.0F / 46, 21.0F / 46, 0};
  return {0.42F, 0.5F, 0.08F};
}

// 0, 1, ..., count - 1.
ValueId counted(Call& c, ValueId count) {
  const ValueId zero = integer(c, 0), one = integer(c, 1);
  return c.add_node("range", {zero, count, one});
}

// The cosine of `times` t, that much of it.
ValueId wave(Call& c, ValueId t, float times, float factor) {
  const ValueId angle = c.add_node("mul", {t, number(c, DType::kF32, times)});
  const ValueId cosine = c.add_node("cos", {angle});
  return c.add_node("mul", {cosine, number(c, DType::kF32, factor)});
}

Result<DType> take_dtype(Call& c, std::string_view name) {
  constexpr int64_t kOnnxF32 = 1;
  RLX_TRY(const int64_t type, take_int(c, name, kOnnxF32));
  if (const std::optional<DType> dtype = dtype_of(type)) return *dtype;
  return c.error(kUnsupportedType, std::string(name) + " is a type that is not supported");
}

}  // namespace

Status convert_window(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  RLX_TRY(const int64_t is_periodic, take_int(c, "periodic", 1));
  RLX_TRY(const DType type, take_dtype(c, "output_datatype"));
  const Window w = window_of(c.op_type);
  const ValueId size = cast_to(c, DType::kI64, c.inputs[0]);
  const ValueId period = is_periodic != 0 ? size : c.add_node("sub", {size, integer(c, 1)});
  const ValueId places = cast_to(c, DType::kF32, counted(c, size));
  const ValueId turn = number(c, DType::kF32, 2 * std::numbers::pi_v<float>);
  const ValueId angles = c.add_node("mul", {places, turn});
  const ValueId t = c.add_node("div", {angles, cast_to(c, DType::kF32, period)});
  const ValueId at = number(c, DType::kF32, w.at);
  ValueId y = c.add_node("sub", {at, wave(c, t, 1, w.first)});
  if (w.second != 0) y = c.add_node("add", {y, wave(c, t, 2, w.second)});
  c.results = {cast_to(c, type, y)};
  return {};
}

// 1 where the column is the row's number and k more.
Status convert_eye_like(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 1));
  RLX_TRY(const int64_t k, take_int(c, "k", 0));
  const ValueId shape = c.add_node("shape", {c.inputs[0]});
  const auto extent = [&](int64_t axis) { return c.add_node("gather", {shape, integer(c, axis)}); };
  const ValueId rows = reshaped(c, counted(c, extent(0)), {-1, 1});
  const ValueId ones = c.add_node("add", {rows, integer(c, k)});
  const ValueId is_one = c.add_node("equal", {counted(c, extent(1)), ones});
  if (!c.find("dtype")) {
    c.results = {c.add_node("cast_like", {is_one, c.inputs[0]})};
    return {};
  }
  RLX_TRY(const DType type, take_dtype(c, "dtype"));
  c.results = {cast_to(c, type, is_one)};
  return {};
}

}  // namespace rlx::onnx
