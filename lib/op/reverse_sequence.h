// Sequences of a batch, each turned around as far as it is long; what comes behind stays.
#pragma once
#include "op/op.h"
#include "op/shared/formula.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: x, and the length of each sequence.
struct ReverseSequence {
  static constexpr std::string_view name = "reverse_sequence";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  // One is 0, the other 1.
  int64_t batch_axis = 1;
  int64_t time_axis = 0;

  static Result<Types> infer(const ReverseSequence& o, InferCtx& c) {
    const Type &x = c.in(0), &lengths = c.in(1);
    if (x.rank() < 2) return c.error(kBadInput, "the input has no batch of sequences");
    const bool apart = o.batch_axis + o.time_axis == 1 && o.batch_axis * o.time_axis == 0;
    if (!apart) return c.error(kBadAttribute, "batch_axis and time_axis are not 0 and 1");
    if (lengths.rank() != 1 || !is_integer(lengths.dtype)) {
      return c.error(kBadInput, "the lengths are no vector of integers");
    }
    RLX_TRY_VOID(c.require_equal(lengths.shape[0], x.shape[static_cast<size_t>(o.batch_axis)]));
    return Types{x};
  }

  // A length beyond the axis makes an index outside of it.
  static Status lower(const ReverseSequence& o, KernelBuilder& b) {
    const auto batch = static_cast<size_t>(o.batch_axis), time = static_cast<size_t>(o.time_axis);
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Ex length = cast(s.load(b.input(1), {at[batch]}), DType::kI64);
      const Ex t = s.index(at[time]);
      const Ex last = length - 1;
      const Ex turned = last - t;
      const Ex from = select(apply(Fn::kLt, t, length), turned, t);
      Vec<AxisIndex> index = axis_indexes(at);
      index[time] = {.expr = from.id};
      return rlx::gather(b, s, 0, std::move(index));
    });
  }

  // Turned around twice it is as it was.
  static Result<Values> grad(const ReverseSequence& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    return f.values({f.make(attrs(o), {f(in.outer[0]), f(in.inputs[1])}), f.none()});
  }
};
RLX_OP(ReverseSequence);

}  // namespace rlx::ops
