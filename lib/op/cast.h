// Another element type: floats truncate to integers, everything but 0 is true.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Cast {
  static constexpr std::string_view name = "cast";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType | kSubByteInts;
  static constexpr bool elementwise = true;

  DType to = DType::kF32;

  static Result<Types> infer(const Cast& o, InferCtx& c) {
    if (o.to == DType::kString) return c.error(kUnsupportedForm, "strings are not computed");
    if (is_sub_byte(o.to)) return c.error(kUnsupportedForm, "numbers of 4 bits are not computed");
    Type out = Type::tensor(o.to, c.in(0).shape);
    if (o.to == DType::kBool) {
      tell_known(c, out, [](std::span<const Dim> x, const RangeOf& range) {
        const Dim not_zero[] = {x[0], 0};
        const KnownDim zero = fold_equal(not_zero, range);
        return zero ? fold_not({&*zero, 1}, range) : std::nullopt;
      });
    } else if (is_wide(o.to) && !is_float(c.in(0).dtype)) {
      tell_known(c, out, fold_identity);
    }
    return Types{std::move(out)};
  }

  static Status lower(const Cast& o, KernelBuilder& b) {
    return lower_unary(b, [&](Ex x) { return rlx::cast(x, compute_type(o.to)); });
  }

 private:
  // Whether sizes of tensors are never cut off.
  static bool is_wide(DType t) { return t == DType::kI64 || t == DType::kI32; }
};
RLX_OP(Cast);

}  // namespace rlx::ops
