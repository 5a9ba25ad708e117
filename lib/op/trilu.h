// The upper or lower triangle of matrices; the rest becomes 0.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, k: the diagonal where the triangle starts (left out: 0, the main one).
struct Trilu {
  static constexpr std::string_view name = "trilu";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  int64_t upper = 1;

  static Result<Types> infer(const Trilu&, InferCtx& c) {
    if (c.in(0).rank() < 2) return c.error(kBadInput, "the input is no matrix");
    RLX_TRY_VOID(require_scalar(c, 1, "k"));
    if (c.has(1) && c.in(1).dtype != DType::kI64) return c.error(kBadInput, "k is not of type i64");
    return Types{c.in(0)};
  }

  static Status lower(const Trilu& o, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex x = s.load(b.input(0), at);
      const Ex diagonal = s.index(at[at.size() - 1] - at[at.size() - 2]);
      const Ex k = b.has(1) ? load_scalar(b, s, 1) : constant_like(diagonal, 0);
      const Ex kept = apply(o.upper != 0 ? Fn::kGe : Fn::kLe, diagonal, k);
      return select(kept, x, constant_like(x, 0));
    });
  }

  static Result<Values> grad(const Trilu& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    Vec<Wire> inputs = {f(in.outer[0])};
    if (in.inputs.size() > 1) inputs.push_back(f(in.inputs[1]));
    Vec<Wire> grads(in.inputs.size(), f.none());
    grads[0] = f.make(attrs(o), inputs);
    return f.values(grads);
  }

  static Result<Values> batch(const Trilu& o, GraphBuilder& b, const BatchIn& in) {
    return batch_with(b, in, attrs(o));
  }
};
RLX_OP(Trilu);

}  // namespace rlx::ops
