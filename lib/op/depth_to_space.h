// Channels become blocks of pixels: [n, c * s * s, h, w] to [n, c, h * s, w * s].
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct DepthToSpace {
  static constexpr std::string_view name = "depth_to_space";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

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

  static Result<Values> grad(const DepthToSpace& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<Dim> out = f(in.outputs[0]).shape();
    const Dim s = o.blocksize;
    const Vec<Dim> apart = {out[0], out[1], floor_div(out[2], s), s, floor_div(out[3], s), s};
    // The places in a block before the channels, or after.
    const Vec<int> axes = o.mode == "DCR" ? Vec<int>{0, 3, 5, 1, 2, 4} : Vec<int>{0, 1, 3, 5, 2, 4};
    const Wire blocks = transpose(reshape(f(in.outer[0]), apart), axes);
    return f.values({reshape(blocks, f(in.inputs[0]).shape())});
  }

  static Result<Values> batch(const DepthToSpace&, GraphBuilder& b, const BatchIn& in) {
    return batch_of_images(b, in);
  }
};
RLX_OP(DepthToSpace);

}  // namespace rlx::ops
