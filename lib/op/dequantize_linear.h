// Quantised numbers made real: (x - zero_point) * scale, in f32 for f16 and bf16.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/quantised.h"

namespace rlx::ops {

// Inputs: x, scale, and optionally zero_point, which has x's element type (op/shared/quantised.h). Zero points are as
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
    RLX_TRY_VOID(require_scales_and_zeros(c, {o.axis, o.block_size}));
    if (c.has(2) && c.in(2).dtype != c.in(0).dtype) {
      return c.error(kBadInput, "zero points have another element type than x");
    }
    return Types{Type::tensor(c.in(1).dtype, c.in(0).shape)};
  }

  static Status lower(const DequantizeLinear& o, KernelBuilder& b) {
    const Quantised q{o.axis, o.block_size};
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      Ex x = s.load(b.input(0), at);
      if (b.has(2)) {
        x = cast(x, DType::kI32);
        const Ex zero = cast(load_parameter(b, s, q, 2, at), DType::kI32);
        x = x - zero;
      }
      const Ex scale = load_parameter(b, s, q, 1, at);
      return cast(x, scale.type()) * scale;
    });
  }
};
RLX_OP(DequantizeLinear);

}  // namespace rlx::ops
