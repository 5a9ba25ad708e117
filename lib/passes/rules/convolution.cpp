#include "op/conv.h"
#include "op/reshape.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

// Whether c is a constant of one number a channel of the root's output, or one for all.
bool is_per_channel(const Match& m, ValueId c) {
  const Vec<Dim>& shape = m.type(c).shape;
  const size_t rank = m.type().shape.size();
  for (size_t i = 0; i < shape.size(); i++) {
    const bool channel = i + rank == shape.size() + 1;
    if (!channel && !shape[i].is(1)) return false;
  }
  return m.graph.constant_of(c) && shape.size() <= rank;
}

// c as a vector with one number a channel.
std::optional<ValueId> per_channel(const Match& m, GraphBuilder& g, ValueId c) {
  const bool whole = m.type(c).elements() == m.type().shape[1];
  auto made = whole ? g.add1("reshape", {c, g.i64s({-1})})
                    : g.add1("reshape", {c, g.i64s(Vec<int64_t>{1})});
  if (made && !whole) made = g.add1("expand", {*made, g.dims({m.type().shape[1]})});
  return made ? std::optional(*made) : std::nullopt;
}

// The convolution is only the root's, its weights are constant, and so is what is done to its
// channels.
bool is_foldable(const Match& m) {
  return m.is_inner(1) && m.graph.constant_of(m["w"]) && is_per_channel(m, m["c"]);
}

std::optional<ValueId> conv_like(const Match& m, GraphBuilder& g, Values inputs) {
  auto made = g.add1(m.node(1).attrs, std::move(inputs));
  return made ? std::optional(*made) : std::nullopt;
}

// w[oc, ...] * c[oc]
std::optional<ValueId> scaled_weights(const Match& m, GraphBuilder& g, ValueId c) {
  Vec<int64_t> shape(m.type(m["w"]).shape.size(), 1);
  shape[0] = -1;
  auto column = g.add1("reshape", {c, g.i64s(shape)});
  if (!column) return std::nullopt;
  auto made = g.add1("mul", {m["w"], *column});
  return made ? std::optional(*made) : std::nullopt;
}

std::optional<ValueId> scale_into_weights(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  if (!c) return std::nullopt;
  auto w = scaled_weights(m, g, *c);
  if (!w) return std::nullopt;
  return conv_like(m, g, {m["x"], *w});
}

std::optional<ValueId> scale_into_weights_and_bias(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  if (!c) return std::nullopt;
  auto w = scaled_weights(m, g, *c);
  auto bias = g.add1("mul", {m["b"], *c});
  if (!w || !bias) return std::nullopt;
  return conv_like(m, g, {m["x"], *w, *bias});
}

std::optional<ValueId> offset_becomes_bias(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  return c ? conv_like(m, g, {m["x"], m["w"], *c}) : std::nullopt;
}

std::optional<ValueId> offset_into_bias(const Match& m, GraphBuilder& g) {
  auto c = per_channel(m, g, m["c"]);
  if (!c) return std::nullopt;
  auto bias = g.add1("add", {m["b"], *c});
  return bias ? conv_like(m, g, {m["x"], m["w"], *bias}) : std::nullopt;
}

constexpr Rule kRules[] = {
    {"add(conv(x, w), c)", {}, is_foldable, offset_becomes_bias},
    {"add(conv(x, w, b), c)", {}, is_foldable, offset_into_bias},
    {"mul(conv(x, w), c)", {}, is_foldable, scale_into_weights},
    {"mul(conv(x, w, b), c)", {}, is_foldable, scale_into_weights_and_bias},
};

}  // namespace

std::span<const Rule> convolution_rules() { return kRules; }

}  // namespace rlx
