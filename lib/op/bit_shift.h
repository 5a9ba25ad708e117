// Bits moved towards the higher or the lower ones; zeros come in.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"

namespace rlx::ops {

// Inputs: x, and by how many places, less than x has.
struct BitShift {
  static constexpr std::string_view name = "bit_shift";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kUnsignedInts;
  static constexpr bool elementwise = true;

  // LEFT: towards the higher ones; or RIGHT.
  std::string direction = {};

  static Result<Types> infer(const BitShift& o, InferCtx& c) {
    if (o.direction != "LEFT" && o.direction != "RIGHT") {
      return c.error(kBadAttribute, "direction is neither LEFT nor RIGHT");
    }
    return infer_map(c, false, nullptr);
  }

  static Status lower(const BitShift& o, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex x = load_broadcast(b, s, 0, at);
      const Ex places = load_broadcast(b, s, 1, at);
      return apply(o.direction == "LEFT" ? Fn::kShl : Fn::kShr, x, places);
    });
  }
};
RLX_OP(BitShift);

}  // namespace rlx::ops
