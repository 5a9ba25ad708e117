// The windows of a convolution whose elements are moved by offsets, as columns: what deform_conv multiplies by weights.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/map.h"
#include "op/shared/sampling.h"
#include "op/shared/window.h"

namespace rlx::ops {

// Inputs: x[n, c, h, w]; offsets [n, groups * window * 2, out...], of each element of the window along the height, then the
// width; what each counts, [n, groups * window, out...], or left out. Output: [n, c, window, out...].
struct DeformColumns {
  static constexpr std::string_view name = "deform_columns";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  Vec<int64_t> dilations = {};
  Vec<int64_t> kernel_shape = {};
  // Channels of one group have their offsets in common.
  int64_t offset_group = 1;
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const DeformColumns& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() != 4) return c.error(kUnsupportedForm, "the image has not 2 spatial axes");
    if (o.offset_group < 1) return c.error(kBadAttribute, "offset_group is not positive");
    RLX_TRY(const Window window, window_of(c, attributes_of(o)));
    RLX_TRY_VOID(divided(c, x.shape[1], o.offset_group, "the number of channels"));
    const int64_t elements = o.offset_group * o.kernel_shape[0] * o.kernel_shape[1];
    const Vec<Dim> out = window.out();
    RLX_TRY_VOID(require_field(c, 1, {x.shape[0], elements * 2, out[0], out[1]}));
    if (c.has(2)) RLX_TRY_VOID(require_field(c, 2, {x.shape[0], elements, out[0], out[1]}));
    const Dim each = o.kernel_shape[0] * o.kernel_shape[1];
    return Types{Type::tensor(x.dtype, {x.shape[0], x.shape[1], each, out[0], out[1]})};
  }

  static Status lower(const DeformColumns& o, KernelBuilder& b) {
    const Window window = window_of(b, attributes_of(o));
    const Dim each = b.out().shape[2];
    const Dim channels = floor_div(b.in(0).shape[1], o.offset_group);
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Dim group = o.offset_group == 1 ? Dim(0) : floor_div(at[1], channels);
      const Dim number = group * each + at[2];
      const Vec<Dim> k{floor_div(at[2], o.kernel_shape[1]), mod(at[2], o.kernel_shape[1])};
      Vec<Vec<Sample>> samples;
      for (size_t i = 0; i < 2; ++i) {
        const Dim fixed = window.axes[i].position(at[i + 3], k[i]);
        const Dim axis = static_cast<int64_t>(i);
        const Ex offset = s.load(b.input(1), {at[0], number * 2 + axis, at[3], at[4]});
        const SampledAxis along{.extent = cast(s.index(window.axes[i].in), offset.type())};
        const Ex place = cast(s.index(fixed), offset.type()) + offset;
        samples.push_back(along.linear(place));
      }
      const Bounds fill{Bounds::Rule::kFill, Scalar::of(b.in(0).dtype, 0)};
      const Ex x = sampled(b, s, 0, axis_indexes({at[0], at[1]}), samples, fill);
      return b.has(2) ? x * s.load(b.input(2), {at[0], number, at[3], at[4]}) : x;
    });
  }

 private:
  static WindowAttributes attributes_of(const DeformColumns& o) {
    return {"NOTSET", o.kernel_shape, o.strides, o.dilations, o.pads};
  }

  static Status require_field(InferCtx& c, int i, const Vec<Dim>& shape) {
    const Type& t = c.in(i);
    if (t.rank() != 4 || t.dtype != c.in(0).dtype) {
      return c.error(kBadInput, "offsets or the mask have another rank or element type than x");
    }
    for (size_t k = 0; k < shape.size(); ++k) RLX_TRY_VOID(c.require_equal(t.shape[k], shape[k]));
    return {};
  }
};
RLX_OP(DeformColumns);

}  // namespace rlx::ops
