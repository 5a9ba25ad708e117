// Blocks of pixels become channels: [n, c, h * s, w * s] to [n, s * s * c, h, w].
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct SpaceToDepth {
  static constexpr std::string_view name = "space_to_depth";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  int64_t blocksize = 1;

  static Result<Types> infer(const SpaceToDepth& o, InferCtx& c) {
    const Vec<Dim>& in = c.in(0).shape;
    const int64_t s = o.blocksize;
    if (in.size() != 4) return c.error(kBadInput, "the input is no batch of images");
    if (s < 1 || s > INT16_MAX) return c.error(kBadAttribute, "blocksize is " + std::to_string(s));
    RLX_TRY(const Dim height, divided(c, in[2], s, "the height"));
    RLX_TRY(const Dim width, divided(c, in[3], s, "the width"));
    return Types{Type::tensor(c.in(0).dtype, {in[0], in[1] * (s * s), height, width})};
  }

  static Status lower(const SpaceToDepth& o, KernelBuilder& b) {
    const int64_t s = o.blocksize;
    const Dim& channels = b.in(0).shape[1];
    return lower_view(b, [&](const Vec<Dim>& at) {
      const Dim place = floor_div(at[1], channels);
      return Vec<Dim>{at[0], mod(at[1], channels), at[2] * s + floor_div(place, s),
                      at[3] * s + mod(place, s)};
    });
  }

  static Result<Values> grad(const SpaceToDepth& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<Dim> image = f(in.inputs[0]).shape();
    const Dim s = o.blocksize;
    const Vec<Dim> apart = {
        image[0], s, s, image[1], floor_div(image[2], s), floor_div(image[3], s)};
    const Wire blocks = transpose(reshape(f(in.outer[0]), apart), {0, 3, 4, 1, 5, 2});
    return f.values({reshape(blocks, image)});
  }

  static Result<Values> batch(const SpaceToDepth&, GraphBuilder& b, const BatchIn& in) {
    return batch_of_images(b, in);
  }
};
RLX_OP(SpaceToDepth);

}  // namespace rlx::ops
