// Bytes made of real numbers, and their products: where real numbers may differ in a bit, bytes may in a step, so only
// exact ones are rounded.
#include "test/random/generate.h"

namespace rlx::random {
namespace {

using Attributes = Vec<std::pair<std::string, Setting>>;

bool is_byte(DType t) { return t == DType::kU8 || t == DType::kI8; }

// All that there is of the type.
Fill any_byte(DType t) {
  Fill fill{.kind = Fill::Kind::kWhole, .lo = 0, .hi = 255};
  if (t == DType::kI8) fill.lo = -128, fill.hi = 127;
  return fill;
}

// Where a processor has no dot products of bytes, onnxruntime sums two products of one with a sign and one without in 16 bits,
// which saturate beyond these. (What rlx makes of all bytes is asked of the interpreter, test/backend/dot_test.cpp.)
Fill weight_byte(DType t) {
  Fill fill = any_byte(t);
  if (t == DType::kI8) fill.lo = -64, fill.hi = 63;
  return fill;
}

Generator::Result bytes(DType t, Vec<Dim> shape) {
  Generator::Result r{t, std::move(shape), 255};
  r.exact = r.whole = true;
  return r;
}

DType byte_type(Generator& g) { return g.random.percent(50) ? DType::kU8 : DType::kI8; }

// Of the scales and zero points of v: one, or one an index of an axis.
Vec<Dim> parameters(Generator& g, int v, Attributes& a) {
  if (g.rank(v) == 0 || !g.random.percent(40)) return {};
  const int axis = g.axis(v);
  const Dim extent = g.at(v).shape[static_cast<size_t>(axis)];
  if (g.m.is_open(extent)) return {};
  a.emplace_back("axis", int64_t{axis});
  return {extent};
}

Made quantize(Generator& g, int v) {
  const Value x = g.at(v);
  if (x.dtype != DType::kF32 || !x.exact) return std::nullopt;
  const DType type = g.random.pick({DType::kU8, DType::kI8, DType::kU16, DType::kI16});
  Attributes a;
  const Vec<Dim> shape = parameters(g, v, a);
  Fill steps{.kind = Fill::Kind::kReal, .lo = 0.01, .hi = 0.05};
  Vec<int> inputs = {v, g.constant(DType::kF32, shape, steps)};
  if (type != DType::kU8 || g.random.percent(60)) {
    inputs.push_back(g.constant(type, shape, any_byte(is_byte(type) ? type : DType::kU8)));
  }
  Generator::Result r = bytes(type, x.shape);
  if (!is_byte(type)) r.big = 65535;
  const Made q = g.node("QuantizeLinear", inputs, r, a);
  if (!q || g.random.percent(40)) return q;
  inputs[0] = *q;
  Generator::Result back{DType::kF32, x.shape, 0.05 * r.big};
  back.exact = true;
  return g.node("DequantizeLinear", inputs, back, a);
}

Vec<int> quantized_by_itself(Generator& g, int v) {
  const Value x = g.at(v);
  if (x.dtype != DType::kF32 || !x.exact) return {};
  Generator::Result scale{DType::kF32, {}, std::max(1.0, x.big)};
  scale.exact = true;
  return g.nodes("DynamicQuantizeLinear", {v},
                 {bytes(DType::kU8, x.shape), scale, bytes(DType::kU8, {})});
}

Made dynamic_quantize(Generator& g, int v) {
  const Vec<int> all = quantized_by_itself(g, v);
  return all.empty() ? std::nullopt : Made(all[g.random.below(all.size())]);
}

// A product's left operand with its zero point, which the run tells, or the compiler knows, or nobody gives: -1.
struct Operand {
  int bytes = -1, zero = -1;
};

std::optional<Operand> as_operand(Generator& g, int v) {
  if (is_byte(g.at(v).dtype)) {
    const DType t = g.at(v).dtype;
    if (g.random.percent(30)) return Operand{v, -1};
    return Operand{
        v, g.random.percent(50) ? g.constant(t, {}, any_byte(t)) : g.input(t, {}, any_byte(t))};
  }
  const Vec<int> all = quantized_by_itself(g, v);
  if (all.size() != 3) return std::nullopt;
  return Operand{all[0], all[2]};
}

Generator::Result sums(Generator& g, Vec<Dim> shape, const Dim& k) {
  Generator::Result r{DType::kI32, std::move(shape), 65025.0};
  r.big *= static_cast<double>(std::max<int64_t>(1, g.number(k)));
  r.exact = r.whole = true;
  return r;
}

Made matmul_integer(Generator& g, int v) {
  if (g.rank(v) < 2) return std::nullopt;
  const std::optional<Operand> left = as_operand(g, v);
  if (!left) return std::nullopt;
  Vec<Dim> shape = g.at(v).shape;
  const Dim k = shape.back(), n = g.extent();
  // A sum of nothing onnxruntime leaves unwritten.
  if (!g.need(k, 1)) return std::nullopt;
  shape.back() = n;
  if (g.elements({k, n}) > 20'000 || g.elements(shape) * g.number(k) > 1'500'000) {
    return std::nullopt;
  }
  const DType t = byte_type(g);
  const bool known = g.closed({k, n}) && g.random.percent(80);
  Vec<int> inputs = {left->bytes, known ? g.constant(t, {k, n}, weight_byte(t))
                                        : g.input(t, {k, n}, weight_byte(t))};
  inputs.push_back(left->zero);
  if (g.closed({n}) && g.random.percent(50)) {
    const Vec<Dim> zeros = g.random.percent(50) ? Vec<Dim>{n} : Vec<Dim>{};
    inputs.push_back(g.constant(t, zeros, any_byte(t)));
  }
  while (inputs.back() < 0) inputs.pop_back();
  return g.node("MatMulInteger", inputs, sums(g, std::move(shape), k));
}

// Over one or two axes, padded or not; onnxruntime has one zero point of w.
Made conv_integer(Generator& g, int v) {
  if (g.rank(v) < 3 || g.rank(v) > 4) return std::nullopt;
  const Vec<Dim> x = g.at(v).shape;
  const std::optional<int64_t> channels = x[1].constant();
  if (!channels || *channels < 1) return std::nullopt;
  const bool by_channel = g.random.percent(25);
  const int64_t group = by_channel ? *channels : 1;
  Vec<Dim> weights = {by_channel ? *channels : g.random.between(1, 20), *channels / group};
  Vec<Dim> shape = {x[0], weights[0]};
  Dim k = weights[1];
  Vec<int64_t> pads, strides;
  for (size_t i = 2; i < x.size(); ++i) {
    const int64_t window = g.random.pick<int64_t>({1, 2, 3, 3}), pad = g.random.between(0, 1);
    if (!g.need(x[i] + 2 * pad - window, 0)) return std::nullopt;
    strides.push_back(g.random.percent(25) ? 2 : 1);
    pads.push_back(pad);
    weights.emplace_back(window), k = k * window;
    shape.push_back(floor_div(x[i] + 2 * pad - window, strides.back()) + 1);
  }
  pads.insert(pads.end(), pads.begin(), pads.end());
  if (g.elements(shape) * g.number(k) > 1'500'000) return std::nullopt;
  const std::optional<Operand> image = as_operand(g, v);
  if (!image) return std::nullopt;
  const DType t = byte_type(g);
  Vec<int> inputs = {image->bytes, g.constant(t, weights, weight_byte(t)), image->zero};
  if (g.random.percent(40)) inputs.push_back(g.constant(t, {}, any_byte(t)));
  while (inputs.back() < 0) inputs.pop_back();
  return g.node("ConvInteger", inputs, sums(g, std::move(shape), k),
                {{"pads", pads}, {"strides", strides}, {"group", group}});
}

}  // namespace

Vec<Emitter> quantised_emitters() {
  return {
      {"quantize_linear", "", Family::kOther, quantize},
      {"dynamic_quantize_linear", "", Family::kOther, dynamic_quantize},
      {"matmul_integer", "matmul", Family::kProduct, matmul_integer},
      {"conv_integer", "conv", Family::kProduct, conv_integer},
  };
}

}  // namespace rlx::random
