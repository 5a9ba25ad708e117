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

namespace {

// A scalar in f64, in which all is computed, as a bin may begin where a filter does.
ValueId real(Call& c, double value) {
  return c.add_constant(make_constant(
      DType::kF64, {}, std::string(reinterpret_cast<const char*>(&value), sizeof value)));
}

constexpr double kMelFactor = 2595 / std::numbers::ln10, kMelBreak = 700;

// Of a frequency in Hertz.
ValueId mel_of(Call& c, ValueId hertz) {
  const ValueId share = c.add_node("div", {cast_to(c, DType::kF64, hertz), real(c, kMelBreak)});
  const ValueId log = c.add_node("log", {c.add_node("add", {share, real(c, 1)})});
  return c.add_node("mul", {log, real(c, kMelFactor)});
}

ValueId hertz_of(Call& c, ValueId mel) {
  const ValueId power = c.add_node("exp", {c.add_node("div", {mel, real(c, kMelFactor)})});
  return c.add_node("mul", {c.add_node("sub", {power, real(c, 1)}), real(c, kMelBreak)});
}

// The bins in which filters begin, have their peaks and end: i64[filters + 2].
ValueId mel_bins(Call& c, ValueId filters) {
  const ValueId count = c.add_node("add", {filters, integer(c, 2)});
  const ValueId low = mel_of(c, c.inputs[3]), high = mel_of(c, c.inputs[4]);
  const ValueId range = c.add_node("sub", {high, low});
  const ValueId step = c.add_node("div", {range, cast_to(c, DType::kF64, count)});
  const ValueId places = cast_to(c, DType::kF64, counted(c, count));
  const ValueId mels = c.add_node("add", {c.add_node("mul", {places, step}), low});
  const ValueId length = c.add_node("add", {c.inputs[1], integer(c, 1)});
  const ValueId scaled = c.add_node("mul", {hertz_of(c, mels), cast_to(c, DType::kF64, length)});
  const ValueId bins = c.add_node("div", {scaled, cast_to(c, DType::kF64, c.inputs[2])});
  return cast_to(c, DType::kI64, c.add_node("floor", {bins}));
}

// part / whole in f64, of which no whole is 0.
ValueId share_of(Call& c, ValueId part, ValueId whole) {
  const ValueId one = integer(c, 1), divisor = c.add_node("max", {whole, one});
  return c.add_node("div", {cast_to(c, DType::kF64, part), cast_to(c, DType::kF64, divisor)});
}

}  // namespace

// Each column is a triangle over the bins of a spectrum, from one bin to its peak and down to another.
Status convert_mel_weight_matrix(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 5));
  RLX_TRY(const DType type, take_dtype(c, "output_datatype"));
  for (size_t i = 0; i < 5; ++i) {
    const ValueId scalar = reshaped(c, c.inputs[i], {});
    c.inputs[i] = i < 3 ? cast_to(c, DType::kI64, scalar) : scalar;
  }
  const ValueId filters = c.inputs[0], one = integer(c, 1), two = integer(c, 2);
  const ValueId bins = mel_bins(c, filters);
  const auto from = [&](ValueId first) {
    return c.add_node("gather", {bins, c.add_node("add", {counted(c, filters), first})});
  };
  const ValueId begin = from(integer(c, 0)), peak = from(one), end = from(two);
  const ValueId half = c.add_node("div", {c.inputs[1], two});
  const ValueId rows = counted(c, c.add_node("add", {half, one}));
  const ValueId bin = reshaped(c, rows, {-1, 1});
  const auto between = [&](ValueId a, ValueId b) { return c.add_node("sub", {b, a}); };
  const auto is_at_least = [&](ValueId a, ValueId b) {
    return c.add_node("greater_or_equal", {a, b});
  };
  const ValueId risen = between(begin, bin), up = between(begin, peak);
  const ValueId left = between(bin, end), down = between(peak, end);
  const ValueId rise = share_of(c, risen, up), fall = share_of(c, left, down);
  const ValueId zero = real(c, 0);
  const ValueId rises = c.add_node("where", {is_at_least(bin, begin), rise, zero});
  const ValueId falls = c.add_node("where", {c.add_node("less", {bin, end}), fall, zero});
  const ValueId is_peak = c.add_node("equal", {bin, peak});
  const ValueId is_after = is_at_least(bin, peak);
  const ValueId sides = c.add_node("where", {is_after, falls, rises});
  c.results = {cast_to(c, type, c.add_node("where", {is_peak, real(c, 1), sides}))};
  return {};
}

}  // namespace rlx::onnx
