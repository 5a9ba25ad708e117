// The element type of another value.
#pragma once
#include "ir/builder.h"
#include "op/cast.h"

namespace rlx::ops {

// Inputs: x, and what has the type.
struct CastLike {
  static constexpr std::string_view name = "cast_like";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<Types> infer(const CastLike&, InferCtx& c) {
    return Types{Type::tensor(c.in(1).dtype, c.in(0).shape)};
  }

  static Result<Values> expand(const CastLike&, GraphBuilder& b, const Node& block) {
    const DType type = b.type(block.inputs[1]).dtype;
    RLX_TRY(const ValueId y, b.add1(attrs(Cast{.to = type}), {block.inputs[0]}));
    return Values{y};
  }
};
RLX_OP(CastLike);

}  // namespace rlx::ops
