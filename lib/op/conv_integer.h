// Convolution of bytes less their zero points, with the rules of conv, as i32. Padding counts for nothing.
#pragma once
#include <algorithm>

#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/convolution.h"
#include "op/shared/formula.h"
#include "op/shared/quantised.h"

namespace rlx::ops {

// Inputs: x, w, and optionally the zero point of x, that of w or one for each of its output channels, and a bias[oc]
// of i32, which ONNX has where a convolution's sums are quantised anew.
struct ConvInteger {
  static constexpr std::string_view name = "conv_integer";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 3};
  static constexpr DTypes dtypes = only(DType::kI8) | only(DType::kU8);

  std::string auto_pad = "NOTSET";
  Vec<int64_t> dilations = {};
  int64_t group = 1;
  // Empty: the extents of w.
  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const ConvInteger& o, InferCtx& c) {
    if (!dtypes.has(c.in(1).dtype)) return c.error(kBadInput, "w is neither of i8 nor of u8");
    RLX_TRY(Vec<Dim> shape, infer_conv_shape(o, c));
    for (const int i : {0, 1}) {
      if (c.has(i + 2) && c.in(i + 2).dtype != c.in(i).dtype) {
        return c.error(kBadInput, "zero points have another element type than their operand");
      }
    }
    if (c.has(2) && !is_one(c.in(2))) return c.error(kBadInput, "x has more than one zero point");
    if (c.has(3) && !is_one(c.in(3))) {
      if (c.in(3).rank() != 1) return c.error(kBadInput, "zero points of w are no vector");
      RLX_TRY_VOID(c.require_equal(c.in(3).shape[0], c.in(1).shape[0]));
    }
    RLX_TRY_VOID(check_bias(c, 4, DType::kI32, c.in(1).shape[0]));
    return Types{Type::tensor(DType::kI32, std::move(shape))};
  }

  static Status lower(const ConvInteger& o, KernelBuilder& b) {
    return lower_conv(o, b, 4, [&](StageBuilder& s, const Window& window, const ConvPlaces& at) {
      const Ex x = image(b, s, window, at.x);
      const Ex weight = s.load(b.input(1), at.w);
      const bool by_channel = b.has(3) && !is_one(b.in(3));
      const Vec<Dim> channel = by_channel ? Vec<Dim>{at.w[0]} : first_of(b, 3);
      return std::pair(x, less_zero_point(b, s, weight, 3, channel));
    });
  }

  // Padding with a zero point that only the run tells stands before the convolution, which then has nothing to leave out:
  // the pass over the image's bytes takes less time than asking of each, as it is staged, where it is.
  static std::optional<ValueId> canonicalise(const ConvInteger& o, GraphBuilder& g, const Node& n) {
    const bool is_told =
        n.inputs.size() > 2 && n.inputs[2].valid() && g.graph().constant_of(n.inputs[2]) == nullptr;
    const bool is_padded = std::ranges::any_of(o.pads, [](int64_t pad) { return pad != 0; });
    if (!is_told || !is_padded || o.auto_pad != "NOTSET") return std::nullopt;
    Formula f(g);
    const auto axes = static_cast<int64_t>(o.pads.size() / 2);
    Vec<Dim> pads(2, Dim(0));
    pads.insert(pads.end(), o.pads.begin(), o.pads.begin() + axes);
    pads.insert(pads.end(), 2, Dim(0));
    pads.insert(pads.end(), o.pads.begin() + axes, o.pads.end());
    Vec<Wire> inputs;
    for (const ValueId v : n.inputs) inputs.push_back(f(v));
    const Wire zero = reshape(inputs[2], {});
    inputs[0] = f.make("pad", {inputs[0], f.integers(std::move(pads)), zero});
    ConvInteger inside = o;
    inside.pads = {};
    const Result<Values> y = f.values({f.make(attrs(inside), inputs)});
    return y ? std::optional(y->front()) : std::nullopt;
  }

 private:
  static Vec<Dim> first_of(const KernelBuilder& b, int i) {
    return Vec<Dim>(b.has(i) ? b.in(i).shape.size() : 0, Dim(0));
  }

  // Padding is filled with the zero point where that is known; else, in forms that canonicalise() leaves, what is in it is
  // left out.
  static Ex image(KernelBuilder& b, StageBuilder& s, const Window& window, const Vec<Dim>& at) {
    const Constant* known = b.has(2) ? b.constant(2) : nullptr;
    Vec<Bounds> bounds = window.bounds(known ? only_element(*known) : Scalar::of(b.in(0).dtype, 0));
    bounds.insert(bounds.begin(), 2, Bounds{});
    const Ex x = s.load(b.input(0), at, std::move(bounds));
    const Ex moved = less_zero_point(b, s, x, 2, first_of(b, 2));
    if (!b.has(2) || known) return moved;
    return where_inside(window, at, moved);
  }
};
RLX_OP(ConvInteger);

}  // namespace rlx::ops
