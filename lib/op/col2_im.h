// Columns put together to images again: what each window of an image had is added where it was.
#pragma once
#include <algorithm>

#include "op/op.h"
#include "op/shared/rows.h"
#include "op/shared/window.h"

namespace rlx::ops {

// Inputs: columns [n, channels * elements of a window, windows], the extents of the image, those of a window (known).
//
// An element of the image is a sum over the windows that reach it, as of a transposed convolution (TransposedAxis).
struct Col2Im {
  static constexpr std::string_view name = "col2_im";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kNumbers;

  Vec<int64_t> dilations = {};
  // The low ends of all axes, then the high ends.
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const Col2Im& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() != 3) return c.error(kBadInput, "the input is not [n, channels, windows]");
    RLX_TRY(const Vec<Dim> image, known_extents(c, 1, "the image's shape"));
    RLX_TRY(const auto block, known_integers(c, 2, "the window's shape"));
    RLX_TRY_VOID(check(o, c, image.size(), *block));
    const Vec<TransposedAxis> axes = axes_of(o, image, *block);
    Dim windows = 1;
    int64_t elements = 1;
    for (const TransposedAxis& axis : axes) {
      windows = windows * axis.in;
      elements *= axis.kernel;
    }
    RLX_TRY_VOID(c.require_equal(x.shape[2], c.simplified(windows)));
    RLX_TRY(const Dim channels, divided(c, x.shape[1], elements, "the number of channels"));
    Vec<Dim> shape{x.shape[0], channels};
    shape.insert(shape.end(), image.begin(), image.end());
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Status lower(const Col2Im& o, KernelBuilder& b) {
    const Vec<Dim>& shape = b.out().shape;
    const Vec<TransposedAxis> axes =
        axes_of(o, {shape.begin() + 2, shape.end()}, integers_at(b, 2));
    const Vec<Dim> at = b.grid(shape);
    Vec<Dim> steps;
    for (const TransposedAxis& axis : axes) steps.emplace_back(axis.taps());
    StageBuilder s = b.reduce(steps);
    Dim element = at[1], window = 0;
    for (size_t i = 0; i < axes.size(); ++i) {
      const Dim step = s.loop(static_cast<int>(i));
      element = element * axes[i].kernel + axes[i].element(at[i + 2], step);
      window = window * axes[i].in + axes[i].position(at[i + 2], step);
    }
    const Bounds fill{Bounds::Rule::kFill, Scalar::of(b.in(0).dtype, 0)};
    const Ex x = s.load(b.input(0), {at[0], element, window}, {Bounds{}, fill, fill});
    s.store(b.output(), at, sum(s, where_met(b, s, axes, at, x)));
    return {};
  }

 private:
  static Status check(const Col2Im& o, const InferCtx& c, size_t rank, const Vec<int64_t>& block) {
    constexpr int64_t kMost = int64_t{1} << 24;
    const auto fits = [](const Vec<int64_t>& values, size_t n, int64_t least) {
      const auto in_range = [&](int64_t v) { return v >= least && v <= kMost; };
      return values.size() == n && std::ranges::all_of(values, in_range);
    };
    const auto is_left_out_or = [&](const Vec<int64_t>& values, size_t n, int64_t least) {
      return values.empty() || fits(values, n, least);
    };
    if (rank == 0 || !fits(block, rank, 1)) {
      return c.error(kBadInput, "the window's shape does not fit the image's");
    }
    if (!is_left_out_or(o.strides, rank, 1) || !is_left_out_or(o.dilations, rank, 1) ||
        !is_left_out_or(o.pads, 2 * rank, 0)) {
      return c.error(kBadAttribute, "strides, dilations or pads do not fit the image");
    }
    return {};
  }

  static int64_t at_or(const Vec<int64_t>& values, size_t i, int64_t otherwise) {
    return values.empty() ? otherwise : values[i];
  }

  // The windows are the input, the image is the output.
  static Vec<TransposedAxis> axes_of(const Col2Im& o, const Vec<Dim>& image,
                                     const Vec<int64_t>& block) {
    Vec<TransposedAxis> axes;
    for (size_t i = 0; i < image.size(); ++i) {
      TransposedAxis w{.kernel = block[i],
                       .stride = at_or(o.strides, i, 1),
                       .dilation = at_or(o.dilations, i, 1),
                       .pad_lo = at_or(o.pads, i, 0),
                       .out = image[i]};
      const Dim room = w.out + w.pad_lo + at_or(o.pads, image.size() + i, 0);
      w.in = max(floor_div(room - (w.kernel - 1) * w.dilation - 1, w.stride) + 1, 0);
      axes.push_back(std::move(w));
    }
    return axes;
  }

  // 0 where a step has no element of a window, or no window.
  static Ex where_met(KernelBuilder& b, StageBuilder& s, const Vec<TransposedAxis>& axes,
                      const Vec<Dim>& at, Ex x) {
    const RangeOf range = b.graph().symbol_ranges();
    const Ex zero = constant_like(x, 0);
    Ex out = x;
    for (size_t i = 0; i < axes.size(); ++i) {
      const Dim step = s.loop(static_cast<int>(i));
      if (!axes[i].is_even()) {
        const Ex element = s.index(axes[i].element(at[i + 2], step));
        const Ex end = s.constant_int(DType::kI64, axes[i].kernel);
        out = select(apply(Fn::kLt, element, end), out, zero);
      }
      if (axes[i].is_inside(range)) continue;
      const Ex window = s.index(axes[i].position(at[i + 2], step));
      const Ex first = s.constant_int(DType::kI64, 0);
      out = select(apply(Fn::kGe, window, first), out, zero);
      const Ex end = s.index(axes[i].in);
      out = select(apply(Fn::kLt, window, end), out, zero);
    }
    return out;
  }
};
RLX_OP(Col2Im);

}  // namespace rlx::ops
