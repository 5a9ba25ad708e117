// Matrix product with numpy's rules: vectors count as one row or column, other axes are batches
// that broadcast.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/contraction.h"
#include "op/shared/formula.h"

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

  // Vectors as matrices, and all batches of the first operand as rows where the second has none.
  static Result<Values> grad(const MatMul&, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire x = f(in.inputs[0]), y = f(in.inputs[1]);
    Wire a = reshape(x, as_rows(x.shape()));
    const Wire c = reshape(y, as_columns(y.shape()));
    Wire outer =
        reshape(f(in.outer[0]), product_shape(x.shape(), y.shape(), f(in.outer[0]).shape()));
    if (c.rank() == 2) {
      a = reshape(a, flat(a.shape()));
      outer = reshape(outer, flat(outer.shape()));
    }
    Vec<Wire> grads(2, f.none());
    if (in.wanted[0]) {
      const Wire grad = f.make("matmul", {outer, swap_last_axes(c)});
      grads[0] = reshape(sum_to(grad, a.shape()), x.shape());
    }
    if (in.wanted[1]) {
      const Wire grad = f.make("matmul", {swap_last_axes(a), outer});
      grads[1] = reshape(sum_to(grad, c.shape()), y.shape());
    }
    return f.values(grads);
  }

  static Result<Values> jvp(const MatMul&, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    Wire tangent = f.none();
    for (size_t i = 0; i < 2; ++i) {
      if (!in.tangents[i].valid()) continue;
      Vec<Wire> operands = {f(in.inputs[0]), f(in.inputs[1])};
      operands[i] = f(in.tangents[i]);
      tangent = added(tangent, f.make("matmul", operands));
    }
    return f.values({tangent});
  }

  // The new axis is a batch in front of those of the longer operand.
  static Result<Values> batch(const MatMul&, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    Vec<Wire> operands = {f(in.inputs[0]), f(in.inputs[1])};
    Vec<Vec<Dim>> shapes;
    for (size_t i = 0; i < 2; ++i) {
      Vec<Dim> shape = operands[i].shape();
      if (in.batched[i]) shape.erase(shape.begin());
      shapes.push_back(i == 0 ? as_rows(shape) : as_columns(shape));
    }
    const size_t rank = std::max(shapes[0].size(), shapes[1].size());
    for (size_t i = 0; i < 2; ++i) {
      if (in.batched[i]) {
        shapes[i].insert(shapes[i].begin(), rank - shapes[i].size(), Dim(1));
        shapes[i].insert(shapes[i].begin(), in.extent);
      }
      operands[i] = reshape(operands[i], shapes[i]);
    }
    const Vec<Dim> out = b.type(b.graph()[in.node].outputs[0]).shape;
    return f.values({reshape(f.make("matmul", operands), batched_shape(in, out))});
  }

 private:
  // A vector is one row of the first operand, one column of the second.
  static Vec<Dim> as_rows(Vec<Dim> shape) {
    if (shape.size() == 1) shape.insert(shape.begin(), Dim(1));
    return shape;
  }
  static Vec<Dim> as_columns(Vec<Dim> shape) {
    if (shape.size() == 1) shape.emplace_back(1);
    return shape;
  }
  // Of the product of these as matrices.
  static Vec<Dim> product_shape(const Vec<Dim>& x, const Vec<Dim>& y, Vec<Dim> out) {
    if (x.size() == 1) out.insert(y.size() == 1 ? out.end() : out.end() - 1, Dim(1));
    if (y.size() == 1) out.emplace_back(1);
    return out;
  }
  // All but the last axis as one.
  static Vec<Dim> flat(const Vec<Dim>& shape) {
    return {product({shape.begin(), shape.end() - 1}), shape.back()};
  }

  static Vec<Dim> batch_of(const Vec<Dim>& shape) {
    return {shape.begin(), shape.end() - std::min<int64_t>(2, static_cast<int64_t>(shape.size()))};
  }

  // The axis of the second operand that is summed over.
  static size_t inner_axis(const Type& t) { return static_cast<size_t>(std::max(0, t.rank() - 2)); }
};
RLX_OP(MatMul);

}  // namespace rlx::ops
