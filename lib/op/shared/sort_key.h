// A number as a signed integer of the same order, which is what a sort stage compares. Zeros of both signs are
// one, and NaN is greater than any number, as for arg_max. The complement of a key is that of the reverse order.
#pragma once
#include "op/op.h"

namespace rlx {

inline Ex bitcast(Ex x, DType to) {
  return x.stage->node({.fn = Fn::kBitcast, .type = to, .args = {x.id}});
}

inline Ex constant_int_like(Ex x, int64_t value) { return x.stage->constant_int(x.type(), value); }

// The bits of a float are ordered as an integer's but for those of negative ones, which are reversed.
inline Ex sort_key_of_real(Ex x) {
  const bool wide = x.type() == DType::kF64;
  const int64_t most = wide ? INT64_MAX : INT32_MAX;
  const Ex zero = constant_like(x, 0);
  const Ex number = select(apply(Fn::kEq, x, zero), zero, x);
  const Ex bits = bitcast(number, wide ? DType::kI64 : DType::kI32);
  const Ex reversed = apply(Fn::kXor, bits, constant_int_like(bits, most));
  const Ex is_negative = apply(Fn::kLt, bits, constant_int_like(bits, 0));
  const Ex key = select(is_negative, reversed, bits);
  return select(apply(Fn::kIsNan, x), constant_int_like(key, most), key);
}

inline Ex sort_key(Ex x) {
  if (is_float(x.type())) return sort_key_of_real(x);
  if (x.type() == DType::kI32 || x.type() == DType::kI64) return x;
  if (x.type() != DType::kU64) return cast(x, DType::kI64);
  const Ex bits = bitcast(x, DType::kI64);
  return apply(Fn::kXor, bits, constant_int_like(bits, INT64_MIN));
}

}  // namespace rlx
