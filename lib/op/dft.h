// The discrete Fourier transform along an axis.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/fourier.h"

namespace rlx::ops {

// Inputs: x [..., 1 or 2], real or with imaginary parts; the length of the transform, else that of the axis, which is cut off
// or filled with zeros; the axis (both known).
struct Dft {
  static constexpr std::string_view name = "dft";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 2};
  static constexpr DTypes dtypes = kFloats;

  int64_t inverse = 0;
  // The first half, of which the other one is the conjugate: of the output, or of the input of an inverse.
  int64_t onesided = 0;

  static Result<Types> infer(const Dft& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() < 2) return c.error(kBadInput, "the input has no axis before its parts");
    RLX_TRY(const int64_t parts, parts_of_input(c));
    RLX_TRY(const int axis, axis_in(c));
    const auto at = static_cast<size_t>(axis);
    RLX_TRY(const Dim length, length_in(o, c, x.shape[at]));
    RLX_TRY_VOID(c.require_at_most(1, length));
    const Fourier t = transform(o, x.shape[at], length);
    RLX_TRY_VOID(t.check(c, parts));
    Vec<Dim> shape = x.shape;
    shape[at] = c.simplified(t.out);
    shape.back() = t.is_half ? 1 : 2;
    return Types{Type::tensor(x.dtype, std::move(shape))};
  }

  static Result<Values> expand(const Dft& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    Wire x = f(block.inputs[0]);
    const Known axes = known_input(b, block, 2), lengths = known_input(b, block, 1);
    const int64_t given = axes ? axes->front().constant().value_or(-2) : -2;
    const int axis = axis_of(given, x.rank());
    const Dim extent = x.shape()[static_cast<size_t>(axis)];
    const Fourier t = transform(o, extent, lengths ? lengths->front() : default_length(o, extent));
    if (t.in != extent) x = slice(x, axis, 0, t.in);
    const int last = x.rank() - 2;
    Vec<int> order = iota(0, x.rank());
    std::swap(order[static_cast<size_t>(axis)], order[static_cast<size_t>(last)]);
    if (axis == last) return f.values({transformed(x, t)});
    return f.values({transpose(transformed(transpose(x, order), t), order)});
  }

 private:
  static Known known_input(const GraphBuilder& b, const Node& block, size_t i) {
    const bool given = i < block.inputs.size() && block.inputs[i].valid();
    return given ? b.known(block.inputs[i]) : std::nullopt;
  }

  static Result<int> axis_in(const InferCtx& c) {
    RLX_TRY(const auto given, known_integers(c, 2, "the axis"));
    if (given && given->size() != 1) return c.error(kBadInput, "the axis is not one number");
    const int rank = c.in(0).rank();
    RLX_TRY(const int axis, checked_axis(c, given ? given->front() : -2, rank));
    if (axis == rank - 1) return c.error(kBadAttribute, "the axis is that of the parts");
    return axis;
  }

  static Dim default_length(const Dft& o, const Dim& extent) {
    return o.inverse != 0 && o.onesided != 0 ? (extent - 1) * 2 : extent;
  }

  static Result<Dim> length_in(const Dft& o, InferCtx& c, const Dim& extent) {
    if (!c.has(1)) return default_length(o, extent);
    RLX_TRY(const Vec<Dim> given, known_extents(c, 1, "the length of the transform"));
    if (given.size() == 1) return given[0];
    return c.error(kBadInput, "the length of the transform is not one number");
  }

  static Fourier transform(const Dft& o, const Dim& extent, const Dim& length) {
    const Dim half = floor_div(length, 2) + 1;
    const bool inverse = o.inverse != 0, onesided = o.onesided != 0;
    return {.length = length,
            .in = min(extent, inverse && onesided ? half : length),
            .out = onesided && !inverse ? half : length,
            .inverse = inverse,
            .is_half = inverse && onesided};
  }
};
RLX_OP(Dft);

}  // namespace rlx::ops
