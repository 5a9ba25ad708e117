// alpha * A * B + beta * C, A and B transposed where transA and transB say so.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/contraction.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Inputs: A, B, C; C broadcasts to the product and may be left out.
struct Gemm {
  static constexpr std::string_view name = "gemm";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kNumbers;

  float alpha = 1;
  float beta = 1;
  // NOLINTNEXTLINE(readability-identifier-naming): ONNX's name.
  int64_t transA = 0;
  // NOLINTNEXTLINE(readability-identifier-naming)
  int64_t transB = 0;

  static Result<Types> infer(const Gemm& o, InferCtx& c) {
    const Type& a = c.in(0);
    const Type& b = c.in(1);
    if (a.rank() != 2 || b.rank() != 2) return c.error(kBadInput, "A and B are not matrices");
    if (a.dtype != b.dtype) return c.error(kBadInput, "inputs have different element types");
    const size_t row = o.transA != 0 ? 1 : 0;
    const size_t column = o.transB != 0 ? 0 : 1;
    RLX_TRY_VOID(c.require_equal(a.shape[1 - row], b.shape[1 - column]));
    Vec<Dim> shape = {a.shape[row], b.shape[column]};
    if (c.has(2)) {
      if (c.in(2).dtype != a.dtype) return c.error(kBadInput, "C has another element type");
      RLX_TRY_VOID(require_broadcast_to(c, 2, shape, "C does not broadcast to the product"));
    }
    return Types{Type::tensor(a.dtype, std::move(shape))};
  }

  static Status lower(const Gemm& o, KernelBuilder& b) {
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.contract({b.in(0).shape[o.transA != 0 ? 0 : 1]});
    const Ex product = contract(b, s, at, ordered(at[0], s.loop(0), o.transA != 0),
                                ordered(s.loop(0), at[1], o.transB != 0));
    if (!b.has(2) && o.alpha == 1) {
      s.store(b.output(), at, product);
      return {};
    }
    const Place local = b.local(product.type());
    s.store(local, {}, product);
    StageBuilder scaled = b.map();
    Ex y = times(scaled.load(local, {}), o.alpha);
    if (b.has(2)) y = y + times(load_broadcast(b, scaled, 2, at), o.beta);
    scaled.store(b.output(), at, y);
    return {};
  }

  static Result<Values> grad(const Gemm& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire x = f(in.inputs[0]), y = f(in.inputs[1]), outer = f(in.outer[0]);
    const bool turns_a = o.transA != 0, turns_b = o.transB != 0;
    Vec<Wire> grads(in.inputs.size(), f.none());
    if (in.wanted[0]) {
      grads[0] =
          turns_a ? scaled(o, y, outer, turns_b, true) : scaled(o, outer, y, false, !turns_b);
    }
    if (in.wanted[1]) {
      grads[1] =
          turns_b ? scaled(o, outer, x, true, turns_a) : scaled(o, x, outer, !turns_a, false);
    }
    if (in.inputs.size() > 2 && in.wanted[2]) {
      grads[2] = sum_to(outer, f(in.inputs[2]).shape()) * o.beta;
    }
    return f.values(grads);
  }

  static Result<Values> jvp(const Gemm& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    const bool turns_a = o.transA != 0, turns_b = o.transB != 0;
    Wire tangent = f.none();
    if (in.tangents[0].valid()) {
      tangent = scaled(o, f(in.tangents[0]), f(in.inputs[1]), turns_a, turns_b);
    }
    if (in.tangents[1].valid()) {
      tangent = added(tangent, scaled(o, f(in.inputs[0]), f(in.tangents[1]), turns_a, turns_b));
    }
    if (in.tangents.size() > 2 && in.tangents[2].valid()) {
      tangent = added(tangent, f(in.tangents[2]) * o.beta);
    }
    return f.values({expand(tangent, f(in.outputs[0]).shape())});
  }

  // A product of batches, which has no other axes than these.
  static Result<Values> batch(const Gemm& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    const auto operand = [&](size_t i, bool turned) {
      const Wire x = f(in.inputs[i]);
      return turned ? swap_last_axes(x) : x;
    };
    const Wire x = operand(0, o.transA != 0);
    const Wire y = operand(1, o.transB != 0);
    Wire product = f.make("matmul", {x, y}) * o.alpha;
    if (in.inputs.size() > 2 && in.inputs[2].valid()) {
      Wire c = f(in.inputs[2]);
      Vec<Dim> shape = c.shape();
      if (in.batched[2]) shape.insert(shape.begin() + 1, 3 - shape.size(), Dim(1));
      c = reshape(c, shape);
      product = product + c * o.beta;
    }
    return f.values(
        {expand(product, batched_shape(in, b.type(b.graph()[in.node].outputs[0]).shape))});
  }

 private:
  static Wire scaled(const Gemm& o, Wire a, Wire b, bool turns_a, bool turns_b) {
    const Gemm product{.alpha = o.alpha, .transA = turns_a ? 1 : 0, .transB = turns_b ? 1 : 0};
    return a.formula->make(attrs(product), {a, b});
  }

  static Vec<Dim> ordered(const Dim& row, const Dim& column, bool transposed) {
    return transposed ? Vec<Dim>{column, row} : Vec<Dim>{row, column};
  }

  static Ex times(Ex x, float factor) { return factor == 1 ? x : x * factor; }
};
RLX_OP(Gemm);

}  // namespace rlx::ops
