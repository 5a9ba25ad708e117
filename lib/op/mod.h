// The remainder of a division, of the divisor's sign, or with fmod of the dividend's.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"

namespace rlx::ops {

struct Mod {
  static constexpr std::string_view name = "mod";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kNumbers;
  static constexpr bool elementwise = true;

  // ONNX's name for the remainder as C's fmod computes it.
  int64_t fmod = 0;

  static Result<Types> infer(const Mod& o, InferCtx& c) {
    if (is_float(c.in(0).dtype) && o.fmod == 0) {
      return c.error(kBadAttribute, "the remainder of floats needs fmod = 1");
    }
    return infer_map(c, false, fold);
  }

  static Status lower(const Mod& o, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex x = load_broadcast(b, s, 0, at);
      const Ex y = load_broadcast(b, s, 1, at);
      const Ex rest = apply(Fn::kRem, x, y);
      if (o.fmod != 0 || is_unsigned(x.type())) return rest;
      // A remainder of the other sign moves by one divisor.
      const Ex zero = constant_like(x, 0);
      const Ex signs_differ = apply(Fn::kLt, apply(Fn::kXor, rest, y), zero);
      const Ex moves = apply(Fn::kAnd, signs_differ, apply(Fn::kNe, rest, zero));
      return select(moves, rest + y, rest);
    });
  }

 private:
  static KnownDim fold(std::span<const Dim> x, const RangeOf& range) {
    const bool plain = proven_nonnegative(x[0], range) && proven_nonnegative(x[1] - 1, range);
    return plain ? KnownDim(simplify(rlx::mod(x[0], x[1]), range)) : std::nullopt;
  }
};
RLX_OP(Mod);

}  // namespace rlx::ops
