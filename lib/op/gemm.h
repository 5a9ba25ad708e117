// alpha * A * B + beta * C, A and B transposed where transA and transB say so.
#pragma once
#include "op/op.h"
#include "op/shared/contraction.h"

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

 private:
  static Vec<Dim> ordered(const Dim& row, const Dim& column, bool transposed) {
    return transposed ? Vec<Dim>{column, row} : Vec<Dim>{row, column};
  }

  static Ex times(Ex x, float factor) { return factor == 1 ? x : x * factor; }
};
RLX_OP(Gemm);

}  // namespace rlx::ops
