// The p-norm of each window: the root of the sum of its elements' powers. Padding counts as 0.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/norm.h"
#include "op/shared/pool.h"

namespace rlx::ops {

struct LpPool {
  static constexpr std::string_view name = "lp_pool";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;

  std::string auto_pad = "NOTSET";
  int64_t ceil_mode = 0;
  Vec<int64_t> dilations = {};
  Vec<int64_t> kernel_shape = {};
  int64_t p = 2;
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const LpPool& o, InferCtx& c) {
    RLX_TRY(Types types, infer_pool(c, attributes_of(o)));
    return check_norm(c, o.p, std::move(types));
  }

  static Status lower(const LpPool& o, KernelBuilder& b) {
    const Window window = window_of(b, attributes_of(o));
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.reduce(window.kernel());
    const Ex x = read_window(b, s, window, at, Scalar::of(b.in(0).dtype, 0));
    s.store(b.output(), at, norm(s, x, o.p));
    return {};
  }

  static Result<Values> batch(const LpPool&, GraphBuilder& b, const BatchIn& in) {
    return batch_of_images(b, in);
  }

 private:
  static WindowAttributes attributes_of(const LpPool& o) {
    return {o.auto_pad, o.kernel_shape, o.strides, o.dilations, o.pads, o.ceil_mode != 0};
  }
};
RLX_OP(LpPool);

}  // namespace rlx::ops
