// A convolution whose windows have their elements elsewhere: where offsets that data gives move them, between elements of
// the image.
#pragma once
#include "op/deform_columns.h"
#include "op/op.h"
#include "op/shared/contraction.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Inputs: x[n, c, h, w]; weights [oc, c / group, window...]; offsets and the mask (op/deform_columns.h), between them the
// bias [oc]; bias and mask may be left out.
struct DeformConv {
  static constexpr std::string_view name = "deform_conv";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3, .optional = 2};
  static constexpr DTypes dtypes = kFloats;

  Vec<int64_t> dilations = {};
  int64_t group = 1;
  // Empty: the extents of the weights.
  Vec<int64_t> kernel_shape = {};
  int64_t offset_group = 1;
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const DeformConv& o, InferCtx& c) {
    const Type &x = c.in(0), &w = c.in(1);
    if (x.rank() != 4) return c.error(kUnsupportedForm, "the image has not 2 spatial axes");
    if (w.rank() != 4 || w.dtype != x.dtype) {
      return c.error(kBadInput, "x and the weights differ in rank or element type");
    }
    if (o.group < 1) return c.error(kBadAttribute, "group is not positive");
    RLX_TRY(const Vec<int64_t> kernel, window_extents(c, o.kernel_shape));
    RLX_TRY(const Window window, window_of(c, {"NOTSET", kernel, o.strides, o.dilations, o.pads}));
    RLX_TRY_VOID(c.require_equal(x.shape[1], w.shape[1] * o.group));
    RLX_TRY_VOID(divided(c, w.shape[0], o.group, "the number of output channels"));
    RLX_TRY_VOID(check_bias(c, 3, x.dtype, w.shape[0]));
    const Vec<Dim> out = window.out();
    return Types{Type::tensor(x.dtype, {x.shape[0], w.shape[0], out[0], out[1]})};
  }

  static Result<Values> expand(const DeformConv& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]), w = f(block.inputs[1]);
    const Vec<Dim> out = f(block.outputs[0]).shape(), weights = w.shape();
    DeformColumns moved{.dilations = o.dilations,
                        .offset_group = o.offset_group,
                        .pads = o.pads,
                        .strides = o.strides};
    for (size_t i = 2; i < 4; ++i) moved.kernel_shape.push_back(*weights[i].constant());
    const Wire windows = f.make(attrs(moved), {x, f(block.inputs[2]), f.input(block, 4)});
    const Dim each = weights[1] * weights[2] * weights[3], places = out[2] * out[3];
    const Wire columns = reshape(windows, {out[0], o.group, each, places});
    const Wire rows = reshape(w, {o.group, floor_div(weights[0], o.group), each});
    Wire y = reshape(f.make("matmul", {rows, columns}), out);
    const Wire bias = f.input(block, 3);
    if (bias.valid()) y = y + reshape(bias, {out[1], 1, 1});
    return f.values({y});
  }
};
RLX_OP(DeformConv);

}  // namespace rlx::ops
