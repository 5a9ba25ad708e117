// Quantised numbers made real: (x - zero_point) * scale, in f32 for f16 and bf16.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"

namespace rlx::ops {

// Inputs: x, scale, and optionally zero_point, which has x's element type. Scales are one of all elements; one an
// index of the axis; or one for every `block_size` indexes of it, where the other axes are x's. Zero points are as
// many as scales, or one.
struct DequantizeLinear {
  static constexpr std::string_view name = "dequantize_linear";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kSubByteInts | only(DType::kI8) | only(DType::kU8) |
                                   only(DType::kI16) | only(DType::kU16) | only(DType::kI32);

  int64_t axis = 1;
  int64_t block_size = 0;

  static Result<Types> infer(const DequantizeLinear& o, InferCtx& c) {
    const DType out = c.in(1).dtype;
    if (!is_float(out)) return c.error(kBadInput, "scales are not floats");
    if (o.block_size < 0) return c.error(kBadAttribute, "block_size is negative");
    RLX_TRY_VOID(require_parameters(o, c, 1));
    if (c.has(2)) {
      const Type& zero = c.in(2);
      if (zero.dtype != c.in(0).dtype) {
        return c.error(kBadInput, "zero points have another element type than x");
      }
      if (!is_one(zero)) RLX_TRY_VOID(require_parameters(o, c, 2));
    }
    return Types{Type::tensor(out, c.in(0).shape)};
  }

  static Status lower(const DequantizeLinear& o, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      Ex x = s.load(b.input(0), at);
      if (b.has(2)) {
        x = cast(x, DType::kI32);
        const Ex zero = cast(s.load(b.input(2), place(o, b, 2, at)), DType::kI32);
        x = x - zero;
      }
      const Ex scale = s.load(b.input(1), place(o, b, 1, at));
      return cast(x, scale.type()) * scale;
    });
  }

 private:
  static bool is_one(const Type& t) { return t.rank() == 0 || (t.rank() == 1 && t.shape[0].is(1)); }

  static Status require_parameters(const DequantizeLinear& o, InferCtx& c, int i) {
    const Type& x = c.in(0);
    const Type& given = c.in(i);
    const bool blocked = o.block_size > 0;
    if (!blocked && is_one(given)) return {};
    RLX_TRY(const int checked, checked_axis(c, o.axis, x.rank()));
    const auto axis = static_cast<size_t>(checked);
    if (given.rank() != (blocked ? x.rank() : 1)) {
      return c.error(kBadInput, "scales or zero points have the wrong rank",
                     "give one, one an index of the axis, or one a block");
    }
    if (!blocked) return c.require_equal(given.shape[0], x.shape[axis]);
    Vec<Dim> wanted = x.shape;
    wanted[axis] = ceil_div(wanted[axis], o.block_size);
    for (size_t k = 0; k < wanted.size(); ++k) {
      RLX_TRY_VOID(c.require_equal(given.shape[k], wanted[k]));
    }
    return {};
  }

  // Where an input's number for the element `at` is.
  static Vec<Dim> place(const DequantizeLinear& o, const KernelBuilder& b, int i,
                        const Vec<Dim>& at) {
    const int rank = b.in(i).rank();
    if (is_one(b.in(i))) return Vec<Dim>(static_cast<size_t>(rank), Dim(0));
    const auto axis = static_cast<size_t>(axis_of(o.axis, b.in(0).rank()));
    if (o.block_size == 0) return {at[axis]};
    Vec<Dim> index = at;
    index[axis] = floor_div(at[axis], o.block_size);
    return index;
  }
};
RLX_OP(DequantizeLinear);

}  // namespace rlx::ops
