// The place of the least element along an axis.
#pragma once
#include "op/op.h"
#include "op/shared/arg_best.h"

namespace rlx::ops {

struct ArgMin {
  static constexpr std::string_view name = "arg_min";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kNumbers;

  int64_t axis = 0;
  int64_t keepdims = 1;
  // Of several, the last one instead of the first.
  int64_t select_last_index = 0;

  static Result<Types> infer(const ArgMin& o, InferCtx& c) {
    return infer_arg_best(c, o.axis, o.keepdims != 0);
  }

  static Status lower(const ArgMin& o, KernelBuilder& b) {
    return lower_arg_best(b, o.axis, o.keepdims != 0, o.select_last_index != 0, Fn::kLt,
                          highest(compute_type(b.in(0).dtype)));
  }
};
RLX_OP(ArgMin);

}  // namespace rlx::ops
