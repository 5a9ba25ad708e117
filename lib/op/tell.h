// Elements that only the run knows become extents: each is the difference of two symbols that the run tells here.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/known.h"

namespace rlx::ops {

// Input: an i64 vector or scalar; the output is the same, and known. Values of symbols are never negative: element i is
// above[i] or, where there is a `below`, above[i] - below[i], of which one is 0.
struct Tell {
  static constexpr std::string_view name = "tell";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = only(DType::kI64);
  static constexpr bool tells = true;

  Vec<std::string> above = {};
  Vec<std::string> below = {};

  static Result<Types> infer(const Tell& o, InferCtx& c) {
    const Type in = c.in(0);
    const bool fits = in.elements().is(static_cast<int64_t>(o.above.size())) &&
                      (o.below.empty() || o.below.size() == o.above.size());
    if (in.rank() > 1 || !fits) return c.error(kBadInput, "there is not a symbol for each element");
    if (Known known = c.known(0)) {
      tell(c, in, *std::move(known));
      return Types{in};
    }
    Vec<Dim> elements;
    for (size_t i = 0; i < o.above.size(); ++i) {
      elements.push_back(c.told_symbol(o.above[i], 1));
      if (!o.below.empty()) elements.back() = elements.back() - c.told_symbol(o.below[i], -1);
    }
    tell(c, in, std::move(elements));
    return Types{in};
  }
};
RLX_OP(Tell);

}  // namespace rlx::ops
