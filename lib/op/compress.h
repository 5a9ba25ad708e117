// The elements, or slices along an axis, where a condition is true.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"

namespace rlx::ops {

// Inputs: x, the condition, a vector of bool that is no longer than the axis.
struct Compress {
  static constexpr std::string_view name = "compress";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;

  // Left out: of x as a vector.
  std::optional<int64_t> axis = {};

  static Result<Types> infer(const Compress& o, InferCtx& c) {
    const Type &x = c.in(0), &condition = c.in(1);
    if (condition.rank() != 1 || condition.dtype != DType::kBool) {
      return c.error(kBadInput, "the condition is no vector of bool");
    }
    if (!o.axis) {
      RLX_TRY_VOID(c.require_at_most(condition.shape[0], x.elements()));
      return Types{Type::tensor(x.dtype, {c.told_extent(0, 0)})};
    }
    RLX_TRY(const int axis, checked_axis(c, *o.axis, x.rank()));
    Vec<Dim> shape = x.shape;
    RLX_TRY_VOID(c.require_at_most(condition.shape[0], shape[static_cast<size_t>(axis)]));
    shape[static_cast<size_t>(axis)] = c.told_extent(0, axis);
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Result<Values> expand(const Compress& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    Wire x = f(block.inputs[0]);
    const int axis = o.axis ? axis_of(*o.axis, x.rank()) : 0;
    if (!o.axis) x = reshape(x, {x.type().elements()});
    const Dim count = f(block.outputs[0]).shape()[static_cast<size_t>(axis)];
    const Wire places = true_places(f(block.inputs[1]), count);
    Attrs gather(find_op("gather"));
    gather.each([&](std::string_view, AttrRef a) { *std::get<int64_t*>(a) = axis; });
    return f.values({f.make(gather, {x, places})});
  }
};
RLX_OP(Compress);

}  // namespace rlx::ops
