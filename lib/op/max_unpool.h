// The other way of max_pool: each element goes where its window's maximum was, and 0 is elsewhere.
#pragma once
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Inputs: x; the places, in the output as if it were flat; the output's shape (known), else it is what the windows reach.
// A larger shape makes room behind.
struct MaxUnpool {
  static constexpr std::string_view name = "max_unpool";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kFloats;

  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const MaxUnpool& o, InferCtx& c) {
    const Type &x = c.in(0), &places = c.in(1);
    RLX_TRY_VOID(check(o, c));
    if (places.rank() != x.rank() || !is_integer(places.dtype)) {
      return c.error(kBadInput, "the places are no integers of x's rank");
    }
    for (size_t i = 0; i < x.shape.size(); ++i) {
      RLX_TRY_VOID(c.require_equal(places.shape[i], x.shape[i]));
    }
    Vec<Dim> shape = reached(o, x.shape);
    for (Dim& extent : shape) extent = c.simplified(extent);
    if (!c.has(2)) return Types{Type::tensor(x.dtype, std::move(shape))};
    RLX_TRY(const Vec<Dim> given, known_extents(c, 2, "the output's shape"));
    if (given.size() != shape.size()) {
      return c.error(kBadInput, "the output's shape has another rank than x");
    }
    for (size_t i = 0; i < shape.size(); ++i) {
      RLX_TRY_VOID(c.require_at_most(shape[i], given[i]));
    }
    return Types{Type::tensor(x.dtype, given)};
  }

  static Result<Values> expand(const MaxUnpool& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = f(block.inputs[0]);
    const Vec<Dim> inner = reached(o, x.shape()), outer = f(block.outputs[0]).shape();
    const Vec<Dim> flat{product(x.shape())};
    const Wire nothing = f.full(x.dtype(), {product(inner)}, 0);
    const Wire places = reshape(f(block.inputs[1]), flat);
    const Wire all = f.make("scatter_elements", {nothing, places, reshape(x, flat)});
    Vec<Dim> more;
    for (size_t i = 0; i < inner.size(); ++i) more.push_back(outer[i] - inner[i]);
    return f.values({pad(reshape(all, inner), Vec<Dim>(inner.size(), Dim(0)), more)});
  }

 private:
  static Status check(const MaxUnpool& o, const InferCtx& c) {
    const Type& x = c.in(0);
    if (x.rank() < 3) return c.error(kBadInput, "the input has no spatial axes");
    const auto rank = static_cast<size_t>(x.rank()) - 2;
    const bool fits = o.kernel_shape.size() == rank &&
                      (o.pads.empty() || o.pads.size() == 2 * rank) &&
                      (o.strides.empty() || o.strides.size() == rank);
    if (fits) return {};
    return c.error(kBadAttribute, "kernel_shape, pads or strides do not fit the spatial axes");
  }

  static Vec<Dim> reached(const MaxUnpool& o, Vec<Dim> shape) {
    const size_t rank = o.kernel_shape.size();
    for (size_t i = 0; i < rank; ++i) {
      const int64_t stride = o.strides.empty() ? 1 : o.strides[i];
      const int64_t pads = o.pads.empty() ? 0 : o.pads[i] + o.pads[rank + i];
      shape[i + 2] = (shape[i + 2] - 1) * stride - pads + o.kernel_shape[i];
    }
    return shape;
  }
};
RLX_OP(MaxUnpool);

}  // namespace rlx::ops
