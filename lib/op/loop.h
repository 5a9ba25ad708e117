// A graph that runs again and again: at most so many times, and as long as a condition holds.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"

namespace rlx::ops {

// Inputs: the most trips, whether there is a first one, what is carried from trip to trip. The region's arguments: the
// number of the trip, the condition, what is carried; its results: whether there is another trip, what is carried on,
// and slices that are put behind each other. Outputs: what was carried in the end, and all slices.
struct Loop {
  static constexpr std::string_view name = "loop";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .out = 1024, .variadic = true};
  static constexpr DTypes dtypes = only(DType::kI64);
  static constexpr int regions = 1;

  // The types of the region's arguments, whose inputs are typed.
  static Types argument_types(const Graph& g, const Node& n) {
    Types types{Type::tensor(DType::kI64, {}), Type::tensor(DType::kBool, {})};
    for (size_t i = 2; i < n.inputs.size(); ++i) types.push_back(g[n.inputs[i]].type);
    return types;
  }

  // Whether the condition, `first` before the first trip, holds before each.
  static bool runs_to_end(const Graph& g, ValueId first, const Region& body) {
    if (!is_true(g.constant_of(first)) || body.results.empty()) return false;
    ValueId v = body.results[0];
    for (const Node* n = g.node_of(v); n && n->op_name() == "identity";) {
      v = n->inputs[0];
      n = g.node_of(v);
    }
    return v == body.arguments[1] || is_true(g.constant_of(v));
  }

  static Result<Types> infer(const Loop&, InferCtx& c) {
    if (c.in(1).dtype != DType::kBool) return c.error(kBadInput, "the condition is no bool");
    RLX_TRY_VOID(c.require_equal(c.in(0).elements(), 1));
    RLX_TRY_VOID(c.require_equal(c.in(1).elements(), 1));
    const int carried = c.inputs() - 2;
    const size_t arguments = c.graph()[c.node().regions[0]].arguments.size();
    if (arguments != c.node().inputs.size() || c.results(0) != c.outputs() + 1 ||
        c.outputs() < carried) {
      return c.error(kBadInput, "the body takes or gives other values than the node");
    }
    Types types;
    for (int i = 0; i < c.outputs(); ++i) {
      RLX_TRY(Type t, i < carried ? carried_type(c, i) : scanned_type(c, i));
      types.push_back(std::move(t));
    }
    return types;
  }

 private:
  static Result<Type> carried_type(InferCtx& c, int i) {
    const Type &before = c.in(2 + i), &after = c.result(0, 1 + i);
    if (before.is_tensor() && before == after) return before;
    return c.error(kUnsupportedForm,
                   "what is carried is " + to_text(before) + " before a trip and " +
                       to_text(after) + " after it",
                   "values that change their shape from trip to trip are not supported yet");
  }

  static Result<Type> scanned_type(InferCtx& c, int i) {
    Type t = c.result(0, 1 + i);
    if (!t.is_tensor()) return c.error(kUnsupportedForm, "a slice is no tensor");
    const Graph& g = c.graph();
    const Known trips = c.known(0);
    const bool counted = trips && runs_to_end(g, c.node().inputs[1], g[c.node().regions[0]]) &&
                         is_not_negative(c, trips->at(0));
    t.shape.insert(t.shape.begin(), counted ? trips->at(0) : c.told_extent(i, 0));
    return t;
  }

  static bool is_not_negative(const InferCtx& c, const Dim& d) {
    return proven_nonnegative(d, c.graph().symbol_ranges());
  }

  static bool is_true(const Constant* condition) {
    return condition && condition->elements() == 1 && !condition->data.bytes().empty() &&
           condition->data.bytes()[0] != std::byte{0};
  }
};
RLX_OP(Loop);

}  // namespace rlx::ops
