// The places of the elements that are not zero.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"

namespace rlx::ops {

// The output has a row for each axis of x and a column for each such element, in row-major order.
struct NonZero {
  static constexpr std::string_view name = "non_zero";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kNumbers | kBools;

  static Result<Types> infer(const NonZero&, InferCtx& c) {
    if (c.in(0).rank() == 0) return c.error(kUnsupportedForm, "the input is a scalar");
    return Types{Type::tensor(DType::kI64, {c.in(0).rank(), c.told_extent(0, 1)})};
  }

  static Result<Values> expand(const NonZero&, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const Vec<Dim> shape = x.shape();
    const Dim count = f(block.outputs[0]).shape()[1];
    const Wire flat = reshape(cast(x, DType::kBool), {x.type().elements()});
    const Wire places = true_places(flat, count);
    Vec<Wire> rows(shape.size());
    Wire rest = places;
    // The last axis counts fastest.
    for (size_t axis = shape.size(); axis-- > 0;) {
      const Wire extent = f.number(DType::kI64, shape[axis]);
      const Wire at = axis == 0 ? rest : f.make("mod", {rest, extent});
      rows[axis] = reshape(at, {1, count});
      rest = rest / extent;
    }
    return f.values({f.make(concat_of_rows(), rows)});
  }

 private:
  static Attrs concat_of_rows() { return Attrs(find_op("concat")); }
};
RLX_OP(NonZero);

}  // namespace rlx::ops
