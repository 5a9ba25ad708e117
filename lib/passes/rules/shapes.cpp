#include "op/concat.h"
#include "op/reshape.h"
#include "op/transpose.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

std::optional<ValueId> reshape_to(GraphBuilder& g, ValueId v, const Vec<Dim>& shape) {
  return value_or_none(g.add1(attrs(ops::Reshape{.allowzero = 1}), {v, g.dims(shape)}));
}

std::optional<ValueId> transpose_by(GraphBuilder& g, ValueId v, const Vec<int>& order) {
  return value_or_none(g.add1(attrs(ops::Transpose{.perm = {order.begin(), order.end()}}), {v}));
}

// The i-th node of the match, which is a transpose: the input's axis for each axis of the output.
Vec<int> order_of(const Match& m, size_t i) {
  const Node& node = m.node(i);
  return ops::Transpose::order(*as<ops::Transpose>(node), m.type(node.inputs[0]).rank());
}

std::optional<ValueId> reshape_once(const Match& m, GraphBuilder& g) {
  return reshape_to(g, m["x"], m.type().shape);
}

std::optional<ValueId> transpose_once(const Match& m, GraphBuilder& g) {
  const Vec<int> outer = order_of(m, 0);
  const Vec<int> inner = order_of(m, 1);
  Vec<int> order;
  for (const int axis : outer) order.push_back(inner[static_cast<size_t>(axis)]);
  return transpose_by(g, m["x"], order);
}

// For each axis of `to` the run of axes of `from` whose product it is, in order; nullopt where an
// axis of `to` is not such a product.
std::optional<Vec<Vec<int>>> runs_of(const Vec<Dim>& from, const Vec<Dim>& to) {
  Vec<Vec<int>> runs;
  size_t next = 0;
  for (const Dim& extent : to) {
    Vec<int> run;
    Dim product = 1;
    while (next < from.size() && (run.empty() || product != extent)) {
      product = product * from[next];
      run.push_back(static_cast<int>(next++));
    }
    if (product != extent) return std::nullopt;
    runs.push_back(std::move(run));
  }
  return next == from.size() ? std::optional(runs) : std::nullopt;
}

// Axes merged, moved, and split again as they were: a transpose of more axes.
std::optional<ValueId> transpose_whole(const Match& m, GraphBuilder& g) {
  const Vec<Dim>& from = m.type(m["x"]).shape;
  const Vec<Dim>& merged = m.type(m.node(2).outputs[0]).shape;
  const auto runs = runs_of(from, merged);
  if (!runs) return std::nullopt;
  Vec<int> order;
  for (const int axis : order_of(m, 1)) {
    const Vec<int>& run = (*runs)[static_cast<size_t>(axis)];
    order.insert(order.end(), run.begin(), run.end());
  }
  if (select_axes(from, order) != m.type().shape) return std::nullopt;
  return transpose_by(g, m["x"], order);
}

bool is_same_concat(const Match& m) {
  const int rank = m.type().rank();
  auto axis = [&](size_t i) { return axis_of(as<ops::Concat>(m.node(i))->axis, rank); };
  return axis(0) == axis(1);
}

// The inner concatenation's inputs take its place in the outer one.
std::optional<ValueId> concat_once(const Match& m, GraphBuilder& g) {
  Values inputs = m.node(1).inputs;
  const Values& outer = m.node(0).inputs;
  inputs.insert(inputs.end(), outer.begin() + 1, outer.end());
  return value_or_none(g.add1(m.node(0).attrs, std::move(inputs)));
}

// A rewrite that keeps the type makes x of one of these only where x has that type already.
constexpr Rule kShapes[] = {
    {Math::kExact, "concat(concat(...), ...)", {}, is_same_concat, concat_once},
    {Math::kExact, "concat(x)", "x"},
    {Math::kExact, "expand(x, _)", "x"},
    {Math::kExact, "<reshapes>(x, ...)", "x"},
    {Math::kExact, "<reshapes>(transpose(<reshapes>(x, ...)), ...)", {}, nullptr, transpose_whole},
    {Math::kExact, "<reshapes>(<reshapes>(x, ...), ...)", {}, nullptr, reshape_once},
    {Math::kExact, "tile(x, _)", "x"},
    {Math::kExact, "transpose(transpose(x))", {}, nullptr, transpose_once},
};

}  // namespace

std::span<const Rule> shape_rules() { return kShapes; }

}  // namespace rlx
