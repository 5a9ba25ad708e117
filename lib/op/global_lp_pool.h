// The p-norm of each channel over all spatial axes, which keep extent 1.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/norm.h"
#include "op/shared/pool.h"

namespace rlx::ops {

struct GlobalLpPool {
  static constexpr std::string_view name = "global_lp_pool";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  int64_t p = 2;

  static Result<Types> infer(const GlobalLpPool& o, InferCtx& c) {
    RLX_TRY(Types types, infer_global_pool(c));
    return check_norm(c, o.p, std::move(types));
  }

  static Status lower(const GlobalLpPool& o, KernelBuilder& b) {
    const Rows rows(b, iota(2, b.in(0).rank()));
    StageBuilder s = b.reduce(rows.extents());
    const Ex x = s.load(b.input(0), rows.at(s));
    s.store(b.output(), rows.row(true), norm(s, x, o.p));
    return {};
  }

  static Result<Values> batch(const GlobalLpPool&, GraphBuilder& b, const BatchIn& in) {
    return batch_of_images(b, in);
  }
};
RLX_OP(GlobalLpPool);

}  // namespace rlx::ops
