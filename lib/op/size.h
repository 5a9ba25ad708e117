// The number of elements.
#pragma once
#include "op/op.h"
#include "op/shared/known.h"

namespace rlx::ops {

struct Size {
  static constexpr std::string_view name = "size";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<Types> infer(const Size&, InferCtx& c) {
    Type out = Type::tensor(DType::kI64, {});
    tell(c, out, {c.in(0).elements()});
    return Types{std::move(out)};
  }

  static Status lower(const Size&, KernelBuilder& b) {
    StageBuilder s = b.map();
    s.store(b.output(), {}, s.index(b.in(0).elements()));
    return {};
  }
};
RLX_OP(Size);

}  // namespace rlx::ops
