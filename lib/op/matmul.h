// Matrix product with numpy's rules: vectors count as one row or column, other axes are batches
// that broadcast.
#pragma once
#include "op/op.h"
#include "op/shared/contraction.h"

namespace rlx::ops {

struct MatMul {
  static constexpr std::string_view name = "matmul";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kNumbers;

  static Result<Types> infer(const MatMul&, InferCtx& c) {
    const Type& a = c.in(0);
    const Type& b = c.in(1);
    if (a.rank() == 0 || b.rank() == 0) return c.error(kBadInput, "a scalar has no matrix product");
    if (a.dtype != b.dtype) return c.error(kBadInput, "inputs have different element types");
    RLX_TRY_VOID(c.require_equal(a.shape.back(), b.shape[inner_axis(b)]));
    RLX_TRY(Vec<Dim> shape, c.broadcast(batch_of(a.shape), batch_of(b.shape)));
    if (a.rank() > 1) shape.push_back(a.shape[a.shape.size() - 2]);
    if (b.rank() > 1) shape.push_back(b.shape.back());
    return Types{Type::tensor(a.dtype, std::move(shape))};
  }

  static Status lower(const MatMul&, KernelBuilder& b) {
    const Type& x = b.in(0);
    const Type& y = b.in(1);
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.contract({x.shape.back()});
    const size_t matrix_axes = (x.rank() > 1 ? 1 : 0) + (y.rank() > 1 ? 1 : 0);
    const Vec<Dim> batch(at.begin(), at.end() - static_cast<int64_t>(matrix_axes));
    const Vec<Dim> batch_shape(b.out().shape.begin(),
                               b.out().shape.begin() + static_cast<int64_t>(batch.size()));
    Vec<Dim> x_at = broadcast_index(b, batch_of(x.shape), batch_shape, batch);
    if (x.rank() > 1) x_at.push_back(at[batch.size()]);
    x_at.push_back(s.loop(0));
    Vec<Dim> y_at = broadcast_index(b, batch_of(y.shape), batch_shape, batch);
    y_at.push_back(s.loop(0));
    if (y.rank() > 1) y_at.push_back(at.back());
    s.store(b.output(), at, contract(b, s, at, x_at, y_at));
    return {};
  }

 private:
  static Vec<Dim> batch_of(const Vec<Dim>& shape) {
    return {shape.begin(), shape.end() - std::min<int64_t>(2, static_cast<int64_t>(shape.size()))};
  }

  // The axis of the second operand that is summed over.
  static size_t inner_axis(const Type& t) { return static_cast<size_t>(std::max(0, t.rank() - 2)); }
};
RLX_OP(MatMul);

}  // namespace rlx::ops
