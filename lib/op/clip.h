// Holds elements between min and max; either may be left out.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/batching.h"
#include "op/shared/map.h"

namespace rlx::ops {

// Inputs: x, min, max, the last two scalars.
struct Clip {
  static constexpr std::string_view name = "clip";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 2};
  static constexpr DTypes dtypes = kNumbers;
  static constexpr bool elementwise = true;

  static Result<Types> infer(const Clip&, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    RLX_TRY_VOID(require_scalar(c, 1, "min"));
    RLX_TRY_VOID(require_scalar(c, 2, "max"));
    return Types{c.in(0)};
  }

  static Status lower(const Clip&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      Ex x = s.load(b.input(0), at);
      if (b.has(1)) x = apply(Fn::kMax, x, load_scalar(b, s, 1));
      if (b.has(2)) x = apply(Fn::kMin, x, load_scalar(b, s, 2));
      return x;
    });
  }
  // Bounds that have the axis are no scalars.
  static Result<Values> batch(const Clip&, GraphBuilder& b, const BatchIn& in) {
    if (!others_are_batched(in)) return batch_of_map(b, in);
    Formula f(b);
    Wire x = batched_input(f, in, 0);
    for (const size_t i : {1, 2}) {
      if (i >= in.inputs.size() || !in.inputs[i].valid()) continue;
      Vec<Dim> shape(x.shape().size(), Dim(1));
      if (in.batched[i]) shape[0] = in.extent;
      x = f.make(i == 1 ? "max" : "min", {x, reshape(f(in.inputs[i]), shape)});
    }
    return f.values({x});
  }
};
RLX_OP(Clip);

}  // namespace rlx::ops
