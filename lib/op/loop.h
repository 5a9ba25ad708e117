// A graph that runs again and again: at most so many times, and as long as a condition holds.
#pragma once
#include <algorithm>

#include "ir/tellers.h"
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
  static constexpr std::string_view kOtherValues =
      "the body takes or gives other values than the node";

  // The types of the region's arguments, whose inputs are typed. An extent that changes is one symbol for the argument
  // and the output: what it is in this trip, and what it was after the last. None where it gives less than it carries.
  static Types argument_types(const Graph& g, const Node& n) {
    if (n.outputs.size() + 2 < n.inputs.size()) return {};
    Types types{Type::tensor(DType::kI64, {}), Type::tensor(DType::kBool, {})};
    for (size_t i = 2; i < n.inputs.size(); ++i) {
      Type t = g[n.inputs[i]].type;
      const Type& out = g[n.outputs[i - 2]].type;
      const bool comparable = t.is_tensor() && out.is_tensor() && t.rank() == out.rank();
      for (size_t axis = 0; comparable && axis < t.shape.size(); ++axis) {
        if (told_symbol_of(g, out.shape[axis])) t.shape[axis] = out.shape[axis];
      }
      types.push_back(std::move(t));
    }
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
      return c.error(kBadInput, std::string(kOtherValues));
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
    const Region& body = c.graph()[c.node().regions[0]];
    const Type& argument = c.graph()[body.arguments[size_t{2} + static_cast<size_t>(i)]].type;
    const bool alike = before.is_tensor() && after.is_tensor() && before.dtype == after.dtype &&
                       before.rank() == after.rank() && argument.rank() == after.rank();
    if (!alike) {
      return c.error(kUnsupportedForm,
                     "what is carried is " + to_text(before) + " before a trip and " +
                         to_text(after) + " after it",
                     "extents may change from trip to trip, element type and rank may not");
    }
    Type t = before;
    for (int axis = 0; axis < t.rank(); ++axis) {
      const auto k = static_cast<size_t>(axis);
      const bool stays = after.shape[k] == before.shape[k] && argument.shape[k] == before.shape[k];
      if (!stays) t.shape[k] = c.told_extent(i, axis);
    }
    return t;
  }

  // Slices lie side by side, as long as no trip tells what they are like.
  static bool is_told_inside(const InferCtx& c, const Type& slice) {
    const Region& body = c.graph()[c.node().regions[0]];
    const Tellers inside = tellers_of(c.graph(), body.nodes);
    Vec<SymbolName> told;
    for (const auto& [name, nodes] : inside) told.push_back(name);
    for (size_t i = 2; i < body.arguments.size(); ++i) {
      const Type& before = c.in(static_cast<int>(i));
      const Vec<Dim>& shape = c.graph()[body.arguments[i]].type.shape;
      for (size_t k = 0; k < shape.size(); ++k) {
        if (shape[k] != before.shape[k] && told_symbol_of(c.graph(), shape[k])) {
          told.push_back(*shape[k].as_symbol());
        }
      }
    }
    bool found = false;
    for (const Dim& d : slice.shape) {
      each_symbol(d, [&](SymbolName s) { found = found || std::ranges::count(told, s) != 0; });
    }
    return found;
  }

  static Result<Type> scanned_type(InferCtx& c, int i) {
    Type t = c.result(0, 1 + i);
    if (!t.is_tensor()) return c.error(kUnsupportedForm, "a slice is no tensor");
    if (is_told_inside(c, t)) {
      return c.error(kUnsupportedForm, "a slice, " + to_text(t) + ", changes from trip to trip",
                     "carry it, or give slices of one shape");
    }
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
