// Shapes of bodies for which a processor has one instruction. LLVM-free.
#pragma once
#include "kernel/expr.h"

namespace rlx::cpu {

// value * 2^exponent, rounded once; the exponent is a whole number or NaN.
struct Scaled {
  ExprId value, exponent;
};

// The end of the expansion of exp in f32, mul(mul(1 + x, 2^h), 2^(n - h)), where h and n - h are halves of the
// integer n that was a float.
std::optional<Scaled> match_scaled(const Body& body, const Expr& e);

}  // namespace rlx::cpu
