// Channels become blocks of pixels: [n, c * s * s, h, w] to [n, c, h * s, w * s].
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct DepthToSpace {
  static constexpr std::string_view name = "depth_to_space";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t blocksize = 1;
  // "DCR": the block's place is the channel's outer part; "CRD": its inner one.
  std::string mode = "DCR";

  static Result<Types> infer(const DepthToSpace& o, InferCtx& c) {
    const Vec<Dim>& in = c.in(0).shape;
    const int64_t s = o.blocksize;
    if (in.size() != 4) return c.error(kBadInput, "the input is no batch of images");
    if (s < 1 || s > INT16_MAX) return c.error(kBadAttribute, "blocksize is " + std::to_string(s));
    if (o.mode != "DCR" && o.mode != "CRD") return c.error(kBadAttribute, "mode is " + o.mode);
    RLX_TRY(const Dim channels, divided(c, in[1], s * s, "the number of channels"));
    return Types{Type::tensor(c.in(0).dtype, {in[0], channels, in[2] * s, in[3] * s})};
  }

  static Status lower(const DepthToSpace& o, KernelBuilder& b) {
    const int64_t s = o.blocksize;
    return lower_view(b, [&](const Vec<Dim>& at) {
      const Dim place = mod(at[2], s) * s + mod(at[3], s);
      const Dim channel =
          o.mode == "DCR" ? place * b.out().shape[1] + at[1] : at[1] * (s * s) + place;
      return Vec<Dim>{at[0], channel, floor_div(at[2], s), floor_div(at[3], s)};
    });
  }
};
RLX_OP(DepthToSpace);

}  // namespace rlx::ops
