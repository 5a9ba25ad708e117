// condition ? then : otherwise, elementwise.
#pragma once
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Where {
  static constexpr std::string_view name = "where";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kBools;
  static constexpr bool elementwise = true;

  static Result<Types> infer(const Where&, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c, 1));
    RLX_TRY(Vec<Dim> shape, broadcast_inputs(c));
    Type out = Type::tensor(c.in(1).dtype, std::move(shape));
    tell_known(c, out, fold_where);
    return Types{std::move(out)};
  }

  static Status lower(const Where&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Vec<Ex> x = read_all(b, s, at);
      return select(x[0], x[1], x[2]);
    });
  }
};
RLX_OP(Where);

}  // namespace rlx::ops
