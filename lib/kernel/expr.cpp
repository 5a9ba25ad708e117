#include "kernel/expr.h"

#include <algorithm>

#include "kernel/fold.h"

namespace rlx {
ExprId add(Body& body, Expr e) {
  if (auto better = simplified(body, e)) return *better;
  auto same = std::find(body.begin(), body.end(), e);
  if (same == body.end()) same = body.insert(same, std::move(e));
  return ExprId(static_cast<size_t>(same - body.begin()));
}

ExprId add_const(Body& body, const Scalar& s) {
  return add(body, {.fn = Fn::kConst, .type = s.dtype, .scalar = s});
}

}  // namespace rlx
