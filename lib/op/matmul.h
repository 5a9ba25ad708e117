// Matrix product with numpy's rules: vectors count as one row or column, other axes are batches
// that broadcast.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/contraction.h"
#include "op/shared/formula.h"
#include "op/shared/matrices.h"

namespace rlx::ops {

struct MatMul {
  static constexpr std::string_view name = "matmul";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kNumbers;

  static Result<Types> infer(const MatMul&, InferCtx& c) {
    if (c.in(0).dtype != c.in(1).dtype) {
      return c.error(kBadInput, "inputs have different element types");
    }
    RLX_TRY(Vec<Dim> shape, infer_product_shape(c));
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  static Status lower(const MatMul&, KernelBuilder& b) {
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.contract({b.in(0).shape.back()});
    const ProductPlaces places = product_places(b, at, s.loop(0));
    s.store(b.output(), at, contract(b, s, at, places.a, places.b));
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
};
RLX_OP(MatMul);

}  // namespace rlx::ops
