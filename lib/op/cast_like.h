// The first input in the element type of the second one, which may not stand in the file.
#pragma once
#include "ir/builder.h"
#include "op/cast.h"

namespace rlx::ops {

struct CastLike {
  static constexpr std::string_view name = "cast_like";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = Cast::dtypes;

  static Result<Types> infer(const CastLike&, InferCtx& c) {
    return Cast::infer(Cast{.to = c.in(1).dtype}, c);
  }

  static Result<Values> expand(const CastLike&, GraphBuilder& g, const Node& block) {
    return g.add(attrs(Cast{.to = g.type(block.inputs[1]).dtype}), {block.inputs[0]});
  }
};
RLX_OP(CastLike);

}  // namespace rlx::ops
