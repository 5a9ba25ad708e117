// Broadcasts a tensor with a shape, as numpy does: an extent of 1 on either side takes the other's.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, shape (known).
struct Expand {
  static constexpr std::string_view name = "expand";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<Types> infer(const Expand&, InferCtx& c) {
    RLX_TRY(Vec<Dim> shape, known_dims(c, 1, "the shape"));
    RLX_TRY(shape, c.broadcast(c.in(0).shape, shape));
    Type out = Type::tensor(c.in(0).dtype, std::move(shape));
    tell_repeated(c, out);
    return Types{std::move(out)};
  }

  static Status lower(const Expand&, KernelBuilder& b) {
    return lower_map(
        b, [&](StageBuilder& s, const Vec<Dim>& at) { return load_broadcast(b, s, 0, at); });
  }

 private:
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
