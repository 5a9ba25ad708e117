// One value, repeated.
#pragma once
#include "op/op.h"
#include "op/shared/formula.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: shape (known), value of one element (left out: 0 in f32).
struct ConstantOfShape {
  static constexpr std::string_view name = "constant_of_shape";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = only(DType::kI64);

  static Result<Types> infer(const ConstantOfShape&, InferCtx& c) {
    RLX_TRY(Vec<Dim> shape, known_extents(c, 0, "the shape"));
    if (c.has(1) && !c.in(1).elements().is(1)) {
      return c.error(kBadInput, "value is not one element");
    }
    return Types{Type::tensor(c.has(1) ? c.in(1).dtype : DType::kF32, std::move(shape))};
  }

  static Status lower(const ConstantOfShape&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>&) {
      if (!b.has(1)) return s.constant(DType::kF32, 0);
      return load_scalar(b, s, 1);
    });
  }
  static Result<Values> grad(const ConstantOfShape&, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire outer = f(in.outer[0]);
    const Wire all = sum(outer, iota(0, f(in.outputs[0]).rank()));
    return f.values({f.none(), reshape(all, f(in.inputs[1]).shape())});
  }

  static Result<Values> jvp(const ConstantOfShape&, GraphBuilder& b, const JvpIn& in) {
    return b.add("constant_of_shape", {in.inputs[0], in.tangents[1]}, 1);
  }
};
RLX_OP(ConstantOfShape);

}  // namespace rlx::ops
