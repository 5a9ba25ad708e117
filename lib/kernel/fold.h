// Rewrites of single nodes that change no bit of any result.
#pragma once
#include "kernel/expr.h"

namespace rlx {

// A node of the body, perhaps a new one, that is bit for bit as good as e; nullopt: e itself is
// needed.
std::optional<ExprId> simplified(Body& body, const Expr& e);

}  // namespace rlx
