// Whether elements are infinite, of the signs that are asked for.
#pragma once
#include "op/op.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct IsInf {
  static constexpr std::string_view name = "is_inf";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool elementwise = true;

  int64_t detect_negative = 1;
  int64_t detect_positive = 1;

  static Result<Types> infer(const IsInf&, InferCtx& c) { return infer_map(c, true); }

  static Status lower(const IsInf& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) {
      const Ex zero = constant_like(x, 0);
      const Ex infinite = apply(Fn::kIsInf, x);
      const Ex none = x.stage->constant_int(DType::kBool, 0);
      const Ex positive = o.detect_positive != 0 ? infinite : none;
      const Ex negative = o.detect_negative != 0 ? infinite : none;
      return select(apply(Fn::kLt, x, zero), negative, positive);
    });
  }
};
RLX_OP(IsInf);

}  // namespace rlx::ops
