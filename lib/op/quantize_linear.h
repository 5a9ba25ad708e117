// Real numbers made narrow integers: x / scale rounded, halves to even, plus zero_point, and the nearest number of
// the type where that is beyond its ends.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/quantised.h"

namespace rlx::ops {

// Inputs: x, scale, and optionally zero_point, of the result's type (op/shared/quantised.h). Zero points are as many
// as scales, or one.
struct QuantizeLinear {
  static constexpr std::string_view name = "quantize_linear";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kFloats | only(DType::kI32);

  int64_t axis = 1;
  int64_t block_size = 0;
  // ONNX's code of the result's type; 0: that of the zero points, or else u8.
  int64_t output_dtype = 0;

  static Result<Types> infer(const QuantizeLinear& o, InferCtx& c) {
    RLX_TRY_VOID(require_scales_and_zeros(c, {o.axis, o.block_size}));
    RLX_TRY(const DType stated, stated_type(o, c));
    const DType type = c.has(2) ? c.in(2).dtype : stated;
    if (o.output_dtype != 0 && type != stated) {
      return c.error(kBadInput, "zero points have another element type than output_dtype says");
    }
    if (!is_integer(type) || bits_of(type) > 16) {
      return c.error(kBadInput, "zero points are no integers of 8 or 16 bits");
    }
    if (is_sub_byte(type)) {
      return c.error(kUnsupportedForm, "numbers of 4 bits are not computed",
                     "quantise to 8 bits, or keep the weights of 4 bits as constants");
    }
    return Types{Type::tensor(type, c.in(0).shape)};
  }

  static Status lower(const QuantizeLinear& o, KernelBuilder& b) {
    const Quantised q{o.axis, o.block_size};
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex x = s.load(b.input(0), at);
      const Ex scale = load_parameter(b, s, q, 1, at);
      Ex y = apply(Fn::kRoundEven, cast(x, scale.type()) / scale);
      if (b.has(2)) y = y + cast(load_parameter(b, s, q, 2, at), y.type());
      return cast(y, b.out().dtype);
    });
  }

 private:
  static Result<DType> stated_type(const QuantizeLinear& o, const InferCtx& c) {
    switch (o.output_dtype) {
      case 0:
      case 2: return DType::kU8;
      case 3: return DType::kI8;
      case 4: return DType::kU16;
      case 5: return DType::kI16;
      case 21: return DType::kU4;
      case 22: return DType::kI4;
      default:
        return c.error(kUnsupportedForm,
                       "output_dtype is none of u8, i8, u16 and i16: floats of 8 bits and fewer "
                       "are not supported");
    }
  }
};
RLX_OP(QuantizeLinear);

}  // namespace rlx::ops
