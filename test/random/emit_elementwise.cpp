// Operators on single elements. Those of the table come from it; where one has poles or steps, kRules says
// what it may be given.
#include <algorithm>
#include <cmath>

#include "op/elementwise.h"
#include "test/random/generate.h"

namespace rlx::random {
namespace {

using Attributes = Vec<std::pair<std::string, Setting>>;

enum class Domain : uint8_t {
  kAll,
  // |x| is at most `most`.
  kSmall,
  // At least a half.
  kPositive,
  // At least one and a half.
  kAboveOne,
  // Only what is exact: a step lies between elements that are close.
  kExact,
};

struct Rule {
  std::string_view op;
  Domain domain;
  double most;
  // How much a difference may grow.
  double slope;
  // How far results may lie from 0; 0: as the operand's.
  double big;
  bool exact = false;
};

constexpr Rule kRules[] = {
    {"abs", Domain::kAll, 0, 1, 0, true},    {"acos", Domain::kSmall, 0.8, 2, 3.2},
    {"acosh", Domain::kAboveOne, 0, 1, 0},   {"asin", Domain::kSmall, 0.8, 2, 1.6},
    {"asinh", Domain::kAll, 0, 1, 0},        {"atan", Domain::kAll, 0, 1, 1.6},
    {"ceil", Domain::kExact, 0, 1, 0, true}, {"cos", Domain::kSmall, 100, 1, 1},
    {"cosh", Domain::kSmall, 4, 30, 30},     {"erf", Domain::kAll, 0, 1.2, 1},
    {"exp", Domain::kSmall, 4, 60, 60},      {"floor", Domain::kExact, 0, 1, 0, true},
    {"hard_swish", Domain::kAll, 0, 1.6, 0}, {"identity", Domain::kAll, 0, 1, 0, true},
    {"log", Domain::kPositive, 0, 2, 10},    {"mish", Domain::kAll, 0, 1.2, 0},
    {"neg", Domain::kAll, 0, 1, 0, true},    {"reciprocal", Domain::kPositive, 0, 4, 2},
    {"relu", Domain::kAll, 0, 1, 0, true},   {"round", Domain::kExact, 0, 1, 0, true},
    {"sigmoid", Domain::kAll, 0, 1, 1},      {"sign", Domain::kExact, 0, 1, 1, true},
    {"sin", Domain::kSmall, 100, 1, 1},      {"sinh", Domain::kSmall, 4, 30, 30},
    {"softplus", Domain::kSmall, 20, 1, 21}, {"softsign", Domain::kAll, 0, 1, 1},
    {"sqrt", Domain::kPositive, 0, 1, 0},    {"tan", Domain::kSmall, 1.2, 8, 2.6},
    {"tanh", Domain::kAll, 0, 1, 1},
};

// An operator that no rule knows: where nearly every function is smooth.
constexpr Rule kOther{"", Domain::kSmall, 0.9, 8, 8};

const Rule& rule_of(std::string_view op) {
  for (const Rule& r : kRules) {
    if (r.op == op) return r;
  }
  return kOther;
}

// v as the domain has it.
Made fitted(Generator& g, int v, Domain domain, double most) {
  if (!is_float(g.at(v).dtype)) return v;
  switch (domain) {
    case Domain::kAll: return v;
    case Domain::kSmall: return g.bounded(v, most);
    case Domain::kPositive: return g.positive(v);
    case Domain::kAboveOne: return g.positive(v, 1.5);
    case Domain::kExact: return g.at(v).exact ? Made(v) : std::nullopt;
  }
  return std::nullopt;
}

Made apply_rule(Generator& g, int v, std::string_view onnx, const Rule& rule, Attributes a = {}) {
  Made x = fitted(g, v, rule.domain, rule.most);
  if (!x) return x;
  const Value in = g.at(*x);
  Generator::Result r{in.dtype, in.shape, rule.big == 0 ? in.big + 1 : rule.big};
  if (rule.exact) r.big = rule.big == 0 ? in.big : rule.big;
  r.exact = rule.exact && in.exact, r.whole = rule.exact && in.whole;
  r.error = rule.slope * in.error + (rule.exact ? 0 : 8 * Generator::unit(in.dtype) * (r.big + 1));
  return g.node(onnx, {*x}, r, std::move(a));
}

// Another operand that broadcasts with v, as numpy has it.
int partner(Generator& g, int v, double big) {
  const Vec<Dim>& s = g.at(v).shape;
  Vec<Dim> shape = s;
  switch (g.random.below(6)) {
    case 0: shape.clear(); break;
    case 1:
      if (!shape.empty()) shape.erase(shape.begin());
      break;
    case 2:
      for (Dim& d : shape) d = g.random.percent(50) ? Dim(1) : d;
      break;
    default: break;
  }
  return g.operand(g.at(v).dtype, shape, big);
}

Vec<Dim> broadcast(Generator& g, const Vec<int>& operands) {
  Vec<Dim> shape;
  for (int v : operands) {
    const Vec<Dim>& s = g.at(v).shape;
    if (s.size() > shape.size()) shape.insert(shape.begin(), s.size() - shape.size(), Dim(1));
    for (size_t i = 0; i < s.size(); ++i) {
      Dim& d = shape[shape.size() - s.size() + i];
      if (d.is(1)) d = s[i];
    }
  }
  return shape;
}

// Whether the operator compares or divides, what the result's elements are.
Made combined(Generator& g, std::string_view op, Vec<int> x, bool predicate) {
  if (g.random.percent(30)) std::swap(x.front(), x.back());
  Generator::Result r{predicate ? DType::kBool : g.at(x[0]).dtype, broadcast(g, x), 0};
  r.exact = r.whole = true;
  bool product = op == "mul" || op == "prelu", selects = op == "max" || op == "min";
  bool divides = op == "div" || op == "mod";
  if (divides) {
    const Value d = g.at(x.back());
    Fill f{Fill::Kind::kReal, 0.5, 3};
    if (!is_float(d.dtype)) f = {Fill::Kind::kWhole, 1, 5};
    x.back() = g.closed(d.shape) && g.random.percent(50) ? g.constant(d.dtype, d.shape, f)
                                                         : g.input(d.dtype, d.shape, f);
    r.shape = broadcast(g, x);
  }
  double u = Generator::unit(g.at(x[0]).dtype);
  for (int v : x) {
    const Value& in = g.at(v);
    r.exact &= in.exact, r.whole &= in.whole;
    bool first = v == x.front() && r.big == 0;
    if (product) {
      r.error =
          first ? in.error : r.error * std::max(1.0, in.big) + std::max(1.0, r.big) * in.error;
      r.big = first ? in.big : std::max(r.big, 1.0) * std::max(in.big, 1.0);
    } else if (selects) {
      r.big = std::max(r.big, in.big), r.error += in.error;
    } else {
      r.big += in.big, r.error += in.error;
    }
  }
  if (predicate && !r.exact) return std::nullopt;
  if (divides) r.big *= 2, r.error *= 4, r.whole = false;
  // Sums of whole numbers alone are the same however they are computed.
  if (!selects) r.exact = r.whole, r.error += r.whole ? 0 : 4 * u * r.big;
  return g.node(onnx_name(op), x, r);
}

template <size_t row>
Made table_row(Generator& g, int v) {
  const ElementwiseRow& e = elementwise_rows()[row];
  if (!e.dtypes.has(g.at(v).dtype)) return std::nullopt;
  if (e.arity.variadic) {
    Vec<int> x = {v};
    for (size_t n = g.random.below(3); n > 0; --n) x.push_back(partner(g, v, 2));
    return combined(g, e.name, x, false);
  }
  if (e.arity.in == 2) {
    int other = g.random.percent(8) ? v : partner(g, v, 2);
    if (e.name == "prelu") {
      // The slope broadcasts to x, and not the other way.
      other = g.fresh(g.at(v).dtype, g.at(v).shape, 1);
      const Value in = g.at(v);
      return g.node("PRelu", {v, other},
                    {in.dtype, in.shape, in.big * 9,
                     in.error * 9 + Generator::unit(in.dtype) * in.big * 9, in.whole, in.whole});
    }
    return combined(g, e.name, {v, other}, e.predicate);
  }
  if (e.predicate) {
    const Value in = g.at(v);
    return g.node(onnx_name(e.name), {v}, {DType::kBool, in.shape});
  }
  if (e.name == "softplus" && is_float(g.at(v).dtype)) {
    return apply_rule(g, v, "Softplus", rule_of(e.name));
  }
  return apply_rule(g, v, onnx_name(e.name), rule_of(e.name));
}

// ---- With attributes --------------------------------------------------------------------------

Made float_rule(Generator& g, int v, std::string_view op, Rule rule, Attributes a = {}) {
  if (!is_float(g.at(v).dtype)) return std::nullopt;
  return apply_rule(g, v, op, rule, std::move(a));
}

Attributes sometimes(Generator& g, std::string name, float value) {
  if (g.random.percent(50)) return {};
  return {{std::move(name), value}};
}

Made celu(Generator& g, int v) {
  return float_rule(g, v, "Celu", {"", Domain::kAll, 0, 1, 0}, sometimes(g, "alpha", 0.5F));
}
Made elu(Generator& g, int v) {
  return float_rule(g, v, "Elu", {"", Domain::kAll, 0, 1.5, 0}, sometimes(g, "alpha", 1.5F));
}
Made gelu(Generator& g, int v) {
  bool approximate = g.random.percent(50);
  Attributes a;
  if (approximate) a = {{"approximate", std::string("tanh")}};
  Made made = float_rule(g, v, "Gelu", {"", Domain::kAll, 0, 1.2, 0}, a);
  // onnxruntime's constants of the approximation are floats.
  if (made && approximate) g.at(*made).error += 1e-7 * g.at(*made).big;
  return made;
}
Made hard_sigmoid(Generator& g, int v) {
  return float_rule(g, v, "HardSigmoid", {"", Domain::kAll, 0, 1, 1}, sometimes(g, "alpha", 0.3F));
}
Made leaky_relu(Generator& g, int v) {
  return float_rule(g, v, "LeakyRelu", {"", Domain::kAll, 0, 1, 0}, sometimes(g, "alpha", 0.2F));
}
Made selu(Generator& g, int v) {
  return float_rule(g, v, "Selu", {"", Domain::kAll, 0, 2, 0, false});
}
Made shrink(Generator& g, int v) {
  Made made = float_rule(g, v, "Shrink", {"", Domain::kExact, 0, 1, 0},
                         {{"lambd", 0.75F}, {"bias", 0.25F}});
  // onnxruntime computes it in f32.
  if (made && g.at(v).dtype == DType::kF64) {
    g.at(*made).error += 1e-7 * g.at(*made).big;
    g.at(*made).exact = false;
  }
  return made;
}
Made thresholded_relu(Generator& g, int v) {
  return float_rule(g, v, "ThresholdedRelu", {"", Domain::kExact, 0, 1, 0, true},
                    sometimes(g, "alpha", 0.5F));
}

Made is_inf(Generator& g, int v) {
  if (!is_float(g.at(v).dtype)) return std::nullopt;
  return g.node("IsInf", {v}, {DType::kBool, g.at(v).shape});
}

// What v becomes in another type; nothing where right computations could differ.
std::optional<Generator::Result> converted(Generator& g, int v) {
  const Value in = g.at(v);
  DType to = g.random.pick({DType::kF32, DType::kF32, DType::kF16, DType::kF64, DType::kI32,
                            DType::kI64, DType::kBool, DType::kU8, DType::kI8});
  bool steps = is_float(in.dtype) && !is_float(to);
  if (steps && !in.exact) return std::nullopt;
  // onnxruntime leaves the f16 of f32 -> f16 -> i8 out, even with its optimiser off.
  if (steps && in.dtype == DType::kF16 && !in.whole) return std::nullopt;
  if (is_unsigned(to) && !is_unsigned(in.dtype) && in.dtype != DType::kBool) return std::nullopt;
  Generator::Result r{to, in.shape, to == DType::kBool ? 1 : in.big, in.error, in.exact, in.whole};
  if (!in.whole && Generator::unit(to) > Generator::unit(in.dtype)) {
    r.error += Generator::unit(to) * in.big;
  }
  return r;
}

Made cast(Generator& g, int v) {
  const auto r = converted(g, v);
  if (!r) return std::nullopt;
  constexpr std::pair<DType, int64_t> kNumbers[] = {
      {DType::kF32, 1}, {DType::kU8, 2},   {DType::kI8, 3},   {DType::kI32, 6},
      {DType::kI64, 7}, {DType::kBool, 9}, {DType::kF16, 10}, {DType::kF64, 11}};
  int64_t number = 1;
  for (auto [t, n] : kNumbers) {
    if (t == r->dtype) number = n;
  }
  return g.node("Cast", {v}, *r, {{"to", number}});
}

Made cast_like(Generator& g, int v) {
  const auto r = converted(g, v);
  if (!r) return std::nullopt;
  return g.node("CastLike", {v, g.fresh(r->dtype, {})}, *r);
}

Made clip(Generator& g, int v) {
  const Value in = g.at(v);
  if (in.dtype == DType::kBool) return std::nullopt;
  Vec<int> inputs = {v, g.scalar(in.dtype, is_unsigned(in.dtype) ? 1 : -1)};
  if (g.random.percent(20)) inputs[1] = -1;
  if (g.random.percent(80)) inputs.push_back(g.scalar(in.dtype, 2));
  if (inputs.back() < 0) inputs.pop_back();
  return g.node("Clip", inputs,
                {in.dtype, in.shape, std::max(in.big, 2.0), in.error, in.exact, in.whole});
}

Made mod(Generator& g, int v) {
  const Value in = g.at(v);
  if (!in.exact || in.dtype == DType::kBool) return std::nullopt;
  Fill f{.kind = Fill::Kind::kWhole, .lo = 1, .hi = 5};
  int by = g.random.percent(50) && g.closed(in.shape) ? g.constant(in.dtype, in.shape, f)
                                                      : g.input(in.dtype, in.shape, f);
  bool fmod = is_float(in.dtype) || g.random.percent(40);
  return g.node("Mod", {v, by}, {in.dtype, in.shape, 5, 0, true, in.whole},
                {{"fmod", int64_t{fmod}}});
}

Made bit_shift(Generator& g, int v) {
  const Value in = g.at(v);
  if (in.dtype != DType::kU8) return std::nullopt;
  const std::string direction = g.random.pick<std::string>({"LEFT", "RIGHT"});
  const double big = direction == "LEFT" ? std::min(255.0, 4 * in.big) : in.big;
  return g.node("BitShift", {v, g.scalar(in.dtype, 2)}, {in.dtype, in.shape, big},
                {{"direction", direction}});
}

Made pow(Generator& g, int v) {
  if (!is_float(g.at(v).dtype)) {
    if (g.at(v).dtype != DType::kI32 && g.at(v).dtype != DType::kI64) return std::nullopt;
    const Value in = g.at(v);
    return g.node("Pow", {v, g.scalar(in.dtype, 2)}, {in.dtype, in.shape, in.big * in.big});
  }
  Made x = g.bounded(v, 3);
  if (!x) return x;
  double by = g.random.pick({2.0, 3.0, 0.5, -1.0, 1.0});
  if (by < 1) x = g.positive(*x);
  if (!x) return x;
  const Value in = g.at(*x);
  double big = std::max(4.0, std::pow(in.big, by));
  Generator::Result r{in.dtype, in.shape, big};
  r.error = 30 * in.error + 16 * Generator::unit(in.dtype) * big;
  return g.node("Pow", {*x, g.scalar(in.dtype, by)}, r);
}

Made where(Generator& g, int v) {
  const Value in = g.at(v);
  int other = partner(g, v, 2);
  int chosen = g.operand(DType::kBool, g.random.percent(60) ? in.shape : g.at(other).shape);
  Vec<int> x = {chosen, v, other};
  if (g.random.percent(50)) std::swap(x[1], x[2]);
  const Value& o = g.at(other);
  Generator::Result r{in.dtype,
                      broadcast(g, x),
                      std::max(in.big, o.big),
                      std::max(in.error, o.error),
                      in.exact && o.exact,
                      in.whole && o.whole};
  return g.node("Where", x, r);
}

// ---- Of shapes --------------------------------------------------------------------------------

Made shape(Generator& g, int v) {
  auto rank = static_cast<int64_t>(g.rank(v));
  return g.node("Shape", {v}, {DType::kI64, {rank}, 1e3});
}

Made size(Generator& g, int v) { return g.node("Size", {v}, {DType::kI64, {}, 1e5}); }

Made constant_of_shape(Generator& g, int v) {
  const Vec<Dim> shape = g.at(v).shape;
  Made extents = g.extents(shape);
  if (!extents) return extents;
  DType t = g.random.pick({DType::kF32, g.at(v).dtype, DType::kI64});
  double value = t == DType::kBool ? 1 : 2;
  return g.node("ConstantOfShape", {*extents}, {t, shape, value, 0, true, true},
                {{"value", Number{t, value}}});
}

// Indices that lie outside, too.
Made one_hot(Generator& g, int v) {
  const Value in = g.at(v);
  if ((in.dtype != DType::kI64 && in.dtype != DType::kI32) || g.rank(v) > 3) return std::nullopt;
  const int64_t axis = g.random.between(-1, g.rank(v));
  Vec<Dim> shape = in.shape;
  shape.insert(axis < 0 ? shape.end() : shape.begin() + axis, 4);
  const int values = g.constant(DType::kF32, {2}, {.kind = Fill::Kind::kWhole, .lo = -2, .hi = 2});
  return g.node("OneHot", {v, g.scalar(DType::kI64, 4), values},
                {DType::kF32, shape, 2, 0, true, true}, {{"axis", axis}});
}

Made range(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  Dim extent = g.at(v).shape[static_cast<size_t>(g.axis(v))];
  Made limit;
  if (g.m.is_open(extent)) {
    Made vector = g.extents({extent});
    if (!vector) return vector;
    limit = g.view("Squeeze", *vector, {g.integers({0})}, {});
  } else {
    Fill f{.kind = Fill::Kind::kDims};
    f.elements = {extent};
    limit = g.constant(DType::kI64, {}, f);
  }
  if (!limit) return limit;
  int start = g.integers({0}, true), step = g.integers({1}, true);
  return g.node("Range", {start, *limit, step}, {DType::kI64, {extent}, 1e3});
}

template <size_t... row>
Vec<Emitter> rows(std::index_sequence<row...>) {
  Vec<Made (*)(Generator&, int)> all = {table_row<row>...};
  Vec<Emitter> out;
  for (size_t i = 0; i < elementwise_rows().size(); ++i) {
    out.push_back({elementwise_rows()[i].name, "elementwise", Family::kElementwise, all[i]});
  }
  return out;
}

}  // namespace

Vec<Emitter> elementwise_emitters() {
  Vec<Emitter> all = {
      {"celu", "elementwise", Family::kElementwise, celu},
      {"elu", "elementwise", Family::kElementwise, elu},
      {"gelu", "elementwise", Family::kElementwise, gelu},
      {"hard_sigmoid", "elementwise", Family::kElementwise, hard_sigmoid},
      {"leaky_relu", "elementwise", Family::kElementwise, leaky_relu},
      {"selu", "elementwise", Family::kElementwise, selu},
      {"shrink", "elementwise", Family::kElementwise, shrink},
      {"thresholded_relu", "elementwise", Family::kElementwise, thresholded_relu},
      {"is_inf", "elementwise", Family::kElementwise, is_inf},
      {"cast", "elementwise", Family::kElementwise, cast},
      {"cast_like", "elementwise", Family::kElementwise, cast_like},
      {"clip", "elementwise", Family::kElementwise, clip},
      {"mod", "elementwise", Family::kElementwise, mod},
      {"bit_shift", "elementwise", Family::kElementwise, bit_shift},
      {"one_hot", "", Family::kOther, one_hot},
      {"pow", "elementwise", Family::kElementwise, pow},
      {"where", "elementwise", Family::kElementwise, where},
      {"shape", "", Family::kOther, shape},
      {"size", "", Family::kOther, size},
      {"constant_of_shape", "", Family::kOther, constant_of_shape},
      {"range", "", Family::kOther, range},
  };
  constexpr size_t kMostRows = 96;
  RLX_CHECK(elementwise_rows().size() <= kMostRows);
  Vec<Emitter> some = rows(std::make_index_sequence<kMostRows>());
  all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace rlx::random
