// The p-norm of a window's or a row's elements, p a whole number.
#pragma once
#include <cmath>

#include "kernel/functions.h"
#include "op/shared/rows.h"

namespace rlx {

inline Result<Types> check_norm(const InferCtx& c, int64_t p, Types types) {
  if (p < 1) return c.error(kBadAttribute, "p is not positive");
  return types;
}

// Over the loops of the stage, of which x is the element.
inline Ex norm(StageBuilder& s, Ex x, int64_t p) {
  if (p == 1) return sum(s, magnitude(x));
  if (p == 2) return apply(Fn::kSqrt, sum(s, x * x));
  const Ex a = magnitude(x);
  const Ex power = apply(macro::kPow, a, constant_like(x, static_cast<double>(p)));
  const Ex all = sum(s, power);
  return apply(macro::kPow, all, constant_like(x, 1 / static_cast<double>(p)));
}

}  // namespace rlx
