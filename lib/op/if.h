// One of two graphs, as a condition says: only that one runs.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"

namespace rlx::ops {

// Inputs: the condition, one element. Regions: what runs where it is true, and where it is not; they have no
// arguments, and a result for each output. An extent that they have in common is the output's; any other is told by
// the branch that ran.
struct If {
  static constexpr std::string_view name = "if";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .out = 1024};
  static constexpr DTypes dtypes = kBools;
  static constexpr int regions = 2;

  static Result<Types> infer(const If&, InferCtx& c) {
    RLX_TRY_VOID(c.require_equal(c.in(0).elements(), 1));
    if (c.results(0) != c.outputs() || c.results(1) != c.outputs()) {
      return c.error(kBadInput, "a branch gives other results than the node has outputs");
    }
    Types types;
    for (int i = 0; i < c.outputs(); ++i) {
      RLX_TRY(Type common, common_type(c, i));
      types.push_back(std::move(common));
    }
    return types;
  }

 private:
  static Result<Type> common_type(InferCtx& c, int i) {
    const Type& then = c.result(0, i);
    const Type& otherwise = c.result(1, i);
    if (!then.is_tensor() || !otherwise.is_tensor()) {
      return c.error(kUnsupportedForm, "a branch gives something other than a tensor");
    }
    if (then.dtype != otherwise.dtype || then.rank() != otherwise.rank()) {
      // With dims that are bound the condition may be known.
      return c.error(
          kMustBeKnown,
          "output " + std::to_string(i) + " is " + to_text(then) + " in one branch and " +
              to_text(otherwise) + " in the other: element type and rank have to agree",
          "bind the dims, or the input, that the condition depends on, so that one branch is left");
    }
    Type common = then;
    for (int axis = 0; axis < common.rank(); ++axis) {
      Dim& extent = common.shape[static_cast<size_t>(axis)];
      const Dim a = c.simplified(extent);
      const Dim b = c.simplified(otherwise.shape[static_cast<size_t>(axis)]);
      if (a != b) extent = c.told_extent(i, axis);
    }
    return common;
  }
};
RLX_OP(If);

}  // namespace rlx::ops
