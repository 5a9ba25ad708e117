// Matrix product of bytes less their zero points, with the rules of matmul, as i32.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/contraction.h"
#include "op/shared/matrices.h"
#include "op/shared/quantised.h"

namespace rlx::ops {

// Inputs: a, b, and optionally their zero points: one, a vector of one a row of a or a column of b, or what broadcasts
// to the operand and is the same along the sum.
//
// Zero points are part of the product's operands: an algorithm for bytes multiplies these as they lie and takes from
// the sums what they are too much.
struct MatMulInteger {
  static constexpr std::string_view name = "matmul_integer";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 2};
  static constexpr DTypes dtypes = only(DType::kI8) | only(DType::kU8);

  static Result<Types> infer(const MatMulInteger&, InferCtx& c) {
    if (!dtypes.has(c.in(1).dtype)) return c.error(kBadInput, "b is neither of i8 nor of u8");
    RLX_TRY(Vec<Dim> shape, infer_product_shape(c));
    for (const int i : {0, 1}) RLX_TRY_VOID(require_zero_points(c, i));
    return Types{Type::tensor(DType::kI32, std::move(shape))};
  }

  static Status lower(const MatMulInteger&, KernelBuilder& b) {
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.contract({b.in(0).shape.back()});
    const ProductPlaces places = product_places(b, at, s.loop(0));
    const Ex x = operand(b, s, 0, places.a);
    const Ex y = operand(b, s, 1, places.b);
    s.store(b.output(), at, contract(s, at, places.a, places.b, x, y));
    return {};
  }

 private:
  // A vector of a's are rows, which are the axis before its last one.
  static Vec<Dim> shape_of_zeros(const Type& zeros, int operand) {
    Vec<Dim> shape = zeros.shape;
    if (operand == 0 && zeros.rank() == 1) shape.emplace_back(1);
    return shape;
  }

  static Status require_zero_points(InferCtx& c, int operand) {
    const int i = operand + 2;
    if (!c.has(i)) return {};
    const Type& zeros = c.in(i);
    const Type& x = c.in(operand);
    if (zeros.dtype != x.dtype) {
      return c.error(kBadInput, "zero points have another element type than their operand");
    }
    if (is_one(zeros)) return {};
    const Vec<Dim> given = shape_of_zeros(zeros, operand);
    const size_t from_end = operand == 0 || x.rank() == 1 ? 1 : 2;
    const bool along_sum = given.size() >= from_end && !given[given.size() - from_end].is(1);
    if (given.size() > x.shape.size() || along_sum) {
      return c.error(kBadInput, "zero points are neither one, nor one a row of a or a column of b");
    }
    for (size_t k = 0; k < given.size(); ++k) {
      if (given[k].is(1)) continue;
      RLX_TRY_VOID(c.require_equal(given[k], x.shape[x.shape.size() - given.size() + k]));
    }
    return {};
  }

  static Ex operand(KernelBuilder& b, StageBuilder& s, int i, const Vec<Dim>& at) {
    const Ex x = s.load(b.input(i), at);
    return less_zero_point(b, s, x, i + 2, b.has(i + 2) ? zero_place(b, i, at) : Vec<Dim>{});
  }

  static Vec<Dim> zero_place(const KernelBuilder& b, int i, const Vec<Dim>& at) {
    const Type& zeros = b.in(i + 2);
    if (is_one(zeros)) return Vec<Dim>(zeros.shape.size(), Dim(0));
    Vec<Dim> index = broadcast_index(b, shape_of_zeros(zeros, i), b.in(i).shape, at);
    index.resize(zeros.shape.size());
    return index;
  }
};
RLX_OP(MatMulInteger);

}  // namespace rlx::ops
