// Broadcasts a tensor with a shape, as numpy does: an extent of 1 on either side takes the other's.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, shape (known).
struct Expand {
  static constexpr std::string_view name = "expand";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  static Result<Types> infer(const Expand&, InferCtx& c) {
    RLX_TRY(Vec<Dim> shape, known_extents(c, 1, "the shape"));
    RLX_TRY(shape, broadcast(c, c.in(0).shape, std::move(shape)));
    Type out = Type::tensor(c.in(0).dtype, std::move(shape));
    tell_repeated(c, out);
    return Types{std::move(out)};
  }

  static Status lower(const Expand&, KernelBuilder& b) {
    return lower_map(
        b, [&](StageBuilder& s, const Vec<Dim>& at) { return load_broadcast(b, s, 0, at); });
  }

  static Result<Values> grad(const Expand&, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    return f.values({sum_to(f(in.outer[0]), f(in.inputs[0]).shape()), f.none()});
  }

  static Result<Values> batch(const Expand&, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    const Wire x = f(in.inputs[0]);
    const Vec<Dim> out = batched_shape(in, b.type(b.graph()[in.node].outputs[0]).shape);
    Vec<Dim> shape = x.shape();
    shape.insert(shape.begin() + 1, out.size() - shape.size(), Dim(1));
    return f.values({expand(reshape(x, shape), out)});
  }

 private:
  // As between two tensors, but an extent that the run tells may be 1 where data's is not: then it
  // asks for data's.
  static Result<Vec<Dim>> broadcast(InferCtx& c, const Vec<Dim>& in, Vec<Dim> shape) {
    for (size_t i = 0; i < std::min(in.size(), shape.size()); ++i) {
      const Dim& extent = in[in.size() - 1 - i];
      Dim& wanted = shape[shape.size() - 1 - i];
      // What is computed from extents is one, and broadcast() assumes that they are equal.
      const auto name = wanted.as_symbol();
      const Symbol* s = name ? c.graph().find_symbol(*name) : nullptr;
      if (extent.is(1) || !s || s->element < 0) continue;
      RLX_TRY_VOID(c.require_equal((wanted - 1) * (wanted - extent), 0));
      wanted = extent;
    }
    return c.broadcast(in, shape);
  }

  static void tell_repeated(InferCtx& c, const Type& out) {
    Known known = c.known(0);
    const std::optional<int64_t> count = out.elements().constant();
    if (!known || !count || *count > static_cast<int64_t>(kMostKnown)) return;
    if (known->size() == 1) known->resize(static_cast<size_t>(*count), Dim(known->front()));
    tell(c, out, *std::move(known));
  }
};
RLX_OP(Expand);

}  // namespace rlx::ops
