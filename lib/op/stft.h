// Discrete Fourier transforms of parts of a signal, each one step further than the one before.
#pragma once
#include "op/gather.h"
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/fourier.h"
#include "op/shared/places.h"

namespace rlx::ops {

// Inputs: the signal [batch, length, 1 or 2]; the step (known); what the parts are multiplied by; how long they are (known),
// else as the window, else as the signal.
struct Stft {
  static constexpr std::string_view name = "stft";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 2};
  static constexpr DTypes dtypes = kFloats;

  // The first half of each transform, of which the other one is the conjugate.
  int64_t onesided = 1;

  static Result<Types> infer(const Stft& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() != 3) return c.error(kBadInput, "the signal is not [batch, length, parts]");
    RLX_TRY(const int64_t parts, parts_of_input(c));
    RLX_TRY(const auto step, known_integers(c, 1, "the step"));
    if (step->size() != 1 || step->front() < 1) {
      return c.error(kBadInput, "the step is not one positive number");
    }
    RLX_TRY(const Dim length, length_in(c));
    RLX_TRY_VOID(c.require_at_most(1, length));
    RLX_TRY_VOID(c.require_at_most(length, x.shape[1]));
    const Fourier t = transform(o, length);
    RLX_TRY_VOID(t.check(c, parts));
    const Dim frames = floor_div(x.shape[1] - length, step->front()) + 1;
    return Types{Type::tensor(x.dtype, {x.shape[0], c.simplified(frames), c.simplified(t.out), 2})};
  }

  static Result<Values> expand(const Stft& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]), window = f.input(block, 2), given = f.input(block, 3);
    const Dim frames = f(block.outputs[0]).shape()[1];
    const Known known = given.valid() ? b.known(given.id) : std::nullopt;
    const Dim length = known ? known->front() : window.valid() ? window.shape()[0] : x.shape()[1];
    const Wire step = f.number(DType::kI64, b.known(block.inputs[1])->front());
    const Wire starts = reshape(counted(f, frames) * step, {frames, 1});
    const Wire places = starts + counted(f, length);
    Wire parts = f.make(attrs(Gather{.axis = 1}), {x, places});
    if (window.valid()) parts = parts * reshape(window, {length, 1});
    return f.values({transformed(parts, transform(o, length))});
  }

 private:
  static Result<Dim> length_in(InferCtx& c) {
    const bool windowed = c.has(2);
    if (windowed && (c.in(2).rank() != 1 || c.in(2).dtype != c.in(0).dtype)) {
      return c.error(kBadInput, "the window is no vector of the signal's type");
    }
    if (!c.has(3)) return windowed ? c.in(2).shape[0] : c.in(0).shape[1];
    RLX_TRY(const Vec<Dim> given, known_extents(c, 3, "the length of the parts"));
    if (given.size() != 1) return c.error(kBadInput, "the length of the parts is not one number");
    if (windowed) RLX_TRY_VOID(c.require_equal(c.in(2).shape[0], given[0]));
    return given[0];
  }

  static Fourier transform(const Stft& o, const Dim& length) {
    return {
        .length = length, .in = length, .out = o.onesided != 0 ? floor_div(length, 2) + 1 : length};
  }
};
RLX_OP(Stft);

}  // namespace rlx::ops
