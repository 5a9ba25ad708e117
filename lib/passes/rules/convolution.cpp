#include <cmath>
#include <limits>

#include "kernel/storage.h"
#include "op/conv.h"
#include "op/reshape.h"
#include "passes/evaluate.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

// Whether c is a constant of one number a channel of the root's output, or one for all.
bool is_per_channel(const Match& m, ValueId c) {
  const Vec<Dim>& shape = m.type(c).shape;
  const size_t rank = m.type().shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool channel = i + rank == shape.size() + 1;
    if (!channel && !shape[i].is(1)) return false;
  }
  return m.graph.constant_of(c) && shape.size() <= rank;
}

// What was made, as a constant: the next rule looks at it at once.
std::optional<ValueId> folded(GraphBuilder& g, const Result<ValueId>& made) {
  if (!made) return std::nullopt;
  const ValueDef def = g.graph()[*made].def;
  if (def.kind != ValueDef::Kind::kNode || !is_computable(g.graph(), def.node)) return *made;
  auto constants = evaluate(g.graph(), def.node, std::numeric_limits<double>::infinity());
  if (!constants || constants->empty()) return *made;
  return g.constant(std::move(constants->begin()->second));
}

std::optional<ValueId> folded(GraphBuilder& g, std::string_view op, Values inputs) {
  return folded(g, g.add1(op, std::move(inputs)));
}

// c as a vector with one number a channel.
std::optional<ValueId> per_channel(const Match& m, GraphBuilder& g, ValueId c) {
  if (m.type(c).elements() == m.type().shape[1]) return folded(g, "reshape", {c, g.i64s({-1})});
  auto one = folded(g, "reshape", {c, g.i64s(Vec<int64_t>{1})});
  return one ? folded(g, "expand", {*one, g.dims({m.type().shape[1]})}) : std::nullopt;
}

// The convolution is only the root's, its weights are constant, and so is what is done to its
// channels.
bool is_foldable(const Match& m) {
  return m.is_inner(1) && m.graph.constant_of(m["w"]) && is_per_channel(m, m["c"]);
}

// A bias is added to the sum as the root would; but 16-bit sums would no longer be rounded before.
bool is_wide_foldable(const Match& m) { return size_of(m.type().dtype) >= 4 && is_foldable(m); }

double element(const Constant& c, int64_t i) {
  return element_at(c.dtype, c.data.bytes().data(), i).as_double();
}

// Whether every product of an element of `values` with its channel's number is finite and normal; where
// the element is 0 the product may be 0.
bool products_are_normal(const Constant& values, const Constant& c) {
  const int64_t channels = std::max<int64_t>(values.shape[0], 1);
  const int64_t per_channel = std::max<int64_t>(values.elements() / channels, 1);
  const double least = least_normal(values.dtype);
  for (int64_t i = 0; i < values.elements(); ++i) {
    const double factor = element(c, c.elements() == 1 ? 0 : i / per_channel);
    const double v = element(values, i);
    const double product = std::fabs(Scalar::of(values.dtype, v * factor).f);
    if (!std::isfinite(product) || (product < least && v != 0)) return false;
  }
  return true;
}

bool scales_normally(const Match& m, std::string_view name) {
  const Constant* values = m.graph.constant_of(m[name]);
  return values && products_are_normal(*values, *m.graph.constant_of(m["c"]));
}

bool is_scalable(const Match& m) { return is_foldable(m) && scales_normally(m, "w"); }

bool is_scalable_with_bias(const Match& m) { return is_scalable(m) && scales_normally(m, "b"); }

// Sums of constants may cancel, but not overflow.
bool is_finite(const Match& m, std::string_view name) {
  const Constant* c = m.graph.constant_of(m[name]);
  for (int64_t i = 0; c && i < c->elements(); ++i) {
    // Half of the range: so is the sum of two.
    const double twice = 2 * element(*c, i);
    if (!std::isfinite(Scalar::of(c->dtype, twice).f)) return false;
  }
  return c != nullptr;
}

bool is_addable(const Match& m) { return is_foldable(m) && is_finite(m, "b") && is_finite(m, "c"); }

std::optional<ValueId> conv_like(const Match& m, GraphBuilder& g, Values inputs) {
  return value_or_none(g.add1(m.node(1).attrs, std::move(inputs)));
}

// w[oc, ...] * c[oc]
std::optional<ValueId> scaled_weights(const Match& m, GraphBuilder& g, ValueId c) {
  Vec<int64_t> shape(m.type(m["w"]).shape.size(), 1);
  shape[0] = -1;
  auto column = folded(g, "reshape", {c, g.i64s(shape)});
  return column ? folded(g, "mul", {m["w"], *column}) : std::nullopt;
}

std::optional<ValueId> scale_into_weights(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  auto w = c ? scaled_weights(m, g, *c) : std::nullopt;
  return w ? conv_like(m, g, {m["x"], *w}) : std::nullopt;
}

std::optional<ValueId> scale_into_weights_and_bias(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  auto w = c ? scaled_weights(m, g, *c) : std::nullopt;
  auto bias = w ? folded(g, "mul", {m["b"], *c}) : std::nullopt;
  return bias ? conv_like(m, g, {m["x"], *w, *bias}) : std::nullopt;
}

std::optional<ValueId> bias_is(const Match& m, GraphBuilder& g, std::optional<ValueId> bias) {
  return bias ? conv_like(m, g, {m["x"], m["w"], *bias}) : std::nullopt;
}

std::optional<ValueId> offset_becomes_bias(const Match& m, GraphBuilder& g) {
  return bias_is(m, g, per_channel(m, g, m["c"]));
}

// x - c is x + -c, bit for bit.
std::optional<ValueId> difference_becomes_bias(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  return bias_is(m, g, c ? folded(g, "neg", {*c}) : std::nullopt);
}

std::optional<ValueId> bias_with(const Match& m, GraphBuilder& g, std::string_view op) {
  auto c = per_channel(m, g, m["c"]);
  return bias_is(m, g, c ? folded(g, op, {m["b"], *c}) : std::nullopt);
}

std::optional<ValueId> offset_into_bias(const Match& m, GraphBuilder& g) {
  return bias_with(m, g, "add");
}

std::optional<ValueId> difference_into_bias(const Match& m, GraphBuilder& g) {
  return bias_with(m, g, "sub");
}

constexpr Rule kConvolution[] = {
    {Math::kExact, "add(conv(x, w), c)", {}, is_wide_foldable, offset_becomes_bias},
    {Math::kDefault, "add(conv(x, w), c)", {}, is_foldable, offset_becomes_bias},
    {Math::kDefault, "add(conv(x, w, b), c)", {}, is_addable, offset_into_bias},
    {Math::kDefault, "mul(conv(x, w), c)", {}, is_scalable, scale_into_weights},
    {Math::kDefault,
     "mul(conv(x, w, b), c)",
     {},
     is_scalable_with_bias,
     scale_into_weights_and_bias},
    {Math::kExact, "sub(conv(x, w), c)", {}, is_wide_foldable, difference_becomes_bias},
    {Math::kDefault, "sub(conv(x, w), c)", {}, is_foldable, difference_becomes_bias},
    {Math::kDefault, "sub(conv(x, w, b), c)", {}, is_addable, difference_into_bias},
};

}  // namespace

std::span<const Rule> convolution_rules() { return kConvolution; }

}  // namespace rlx
