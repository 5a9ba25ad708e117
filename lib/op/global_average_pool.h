// The mean of each channel over all spatial axes, which keep extent 1.
#pragma once
#include "op/op.h"
#include "op/reductions.h"
#include "op/shared/batching.h"
#include "op/shared/pool.h"
#include "op/shared/reduction_hooks.h"

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
  static Result<Values> grad(const GlobalAveragePool&, GraphBuilder& b, const GradIn& in) {
    return grad_of_reduction(b, in, iota(2, b.type(in.inputs[0]).rank()), slope_of_mean);
  }
  static Result<Values> jvp(const GlobalAveragePool&, GraphBuilder& b, const JvpIn& in) {
    return jvp_of_reduction(b, in, iota(2, b.type(in.inputs[0]).rank()), slope_of_mean);
  }
  static Result<Values> batch(const GlobalAveragePool&, GraphBuilder& b, const BatchIn& in) {
    return batch_of_images(b, in);
  }
};
RLX_OP(GlobalAveragePool);

}  // namespace rlx::ops
