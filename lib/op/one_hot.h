// For each index a row of one value, with another one at the index's place.
#pragma once
#include "ir/builder.h"
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/float_extent.h"
#include "op/shared/formula.h"
#include "op/shared/places.h"

namespace rlx::ops {

// Inputs: indices, negative ones from the end; how long rows are; what stands elsewhere and what at the place, a vector of
// two. An index outside of its row stands nowhere.
struct OneHot {
  static constexpr std::string_view name = "one_hot";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kNumbers;

  // Of the result, where rows lie.
  int64_t axis = -1;

  static Result<Types> infer(const OneHot& o, InferCtx& c) {
    if (c.in(2).rank() != 1) return c.error(kBadInput, "values are not [off, on]");
    RLX_TRY_VOID(c.require_equal(c.in(2).shape[0], 2));
    RLX_TRY(const Dim depth, depth_of(c));
    const int rank = c.in(0).rank() + 1;
    RLX_TRY(const int axis, checked_axis(c, o.axis, rank));
    Vec<Dim> shape = c.in(0).shape;
    shape.insert(shape.begin() + axis, depth);
    return Types{Type::tensor(c.in(2).dtype, std::move(shape))};
  }

  static Result<Values> expand(const OneHot& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Vec<Dim> shape = f(block.outputs[0]).shape();
    const auto axis = static_cast<size_t>(axis_of(o.axis, static_cast<int>(shape.size())));
    const Dim depth = shape[axis];
    const Wire zero = f.number(DType::kI64, 0.0);
    const Wire given = cast(f(block.inputs[0]), DType::kI64);
    const Wire from_end = given + f.number(DType::kI64, depth);
    const Wire index = f.make("where", {f.make("less", {given, zero}), from_end, given});
    Vec<Dim> thin = shape, row(shape.size(), Dim(1));
    thin[axis] = 1;
    row[axis] = depth;
    const Wire places = reshape(counted(f, depth), row);
    const Wire here = f.make("equal", {reshape(index, thin), places});
    const Wire values = f(block.inputs[2]);
    const Wire off = reshape(slice(values, 0, 0, 1), {}), on = reshape(slice(values, 0, 1, 2), {});
    return f.values({f.make("where", {here, on, off})});
  }

 private:
  // A scalar or a vector of one, of any type of numbers.
  static Result<Dim> depth_of(const InferCtx& c) {
    if (const Known known = c.known(1); known && known->size() == 1) return known->front();
    const Constant* constant = c.constant(1);
    if (constant && constant->elements() == 1 && is_float(constant->dtype)) {
      return float_extent(c, only_element(*constant).f, "the depth");
    }
    return c.error(kMustBeKnown, "the depth is not known", "export the model with a constant one");
  }
};
RLX_OP(OneHot);

}  // namespace rlx::ops
