// Numbers as bytes, with a scale and a zero point for which 0 and all of them have room.
#pragma once
#include "ir/builder.h"
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Outputs: the bytes, the scale and the zero point. The scale is 1 where all of x is 0, or x is empty.
struct DynamicQuantizeLinear {
  static constexpr std::string_view name = "dynamic_quantize_linear";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .out = 3};
  static constexpr DTypes dtypes = only(DType::kF32);

  static Result<Types> infer(const DynamicQuantizeLinear&, InferCtx& c) {
    const Type byte = Type::tensor(DType::kU8, {});
    Types out = {Type::tensor(byte.dtype, c.in(0).shape), Type::tensor(c.in(0).dtype, {}), byte};
    out.resize(static_cast<size_t>(c.outputs()));
    return out;
  }

  static Result<Values> expand(const DynamicQuantizeLinear&, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const Wire none = f.number(x.dtype(), 0.0);
    const Wire low = f.make("min", {end_of("reduce_min", x), none});
    const Wire high = f.make("max", {end_of("reduce_max", x), none});
    const Wire range = high - low;
    const Wire step = range / f.number(x.dtype(), 255.0);
    const Wire flat = f.make("equal", {range, none});
    const Wire scale = f.make("where", {flat, f.number(x.dtype(), 1.0), step});
    const Wire zero = f.make("quantize_linear", {-low, scale});
    const Wire y = f.make("quantize_linear", {x, scale, zero});
    Vec<Wire> outputs = {y, scale, zero};
    outputs.resize(block.outputs.size(), f.none());
    return f.values(outputs);
  }

 private:
  // Of all elements, as a scalar.
  static Wire end_of(std::string_view op, Wire x) {
    const Wire least = x.formula->make(op, {x});
    return reshape(least, {});
  }
};
RLX_OP(DynamicQuantizeLinear);

}  // namespace rlx::ops
