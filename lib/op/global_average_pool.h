// The mean of each channel over all spatial axes, which keep extent 1.
#pragma once
#include "op/op.h"
#include "op/reductions.h"
#include "op/shared/pool.h"

namespace rlx::ops {

struct GlobalAveragePool {
  static constexpr std::string_view name = "global_average_pool";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  static Result<Types> infer(const GlobalAveragePool&, InferCtx& c) { return infer_global_pool(c); }

  static Status lower(const GlobalAveragePool&, KernelBuilder& b) {
    return lower_reduction(reduction_row("reduce_mean"), b, iota(2, b.in(0).rank()), true);
  }
};
RLX_OP(GlobalAveragePool);

}  // namespace rlx::ops
