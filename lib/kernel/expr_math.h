// What the macros of kernel/expr.h promise, and how they are made.
#pragma once
#include <span>

#include "kernel/expr.h"
#include "kernel/real.h"

namespace rlx {

// The greatest error of a macro against the exact value, in units of the result's last place, over
// ALL arguments: subnormal arguments and results (whose last place is that of the least normal
// number) and the ends of the range included. Where the exact value rounds to infinity the result
// may be the greatest finite number and the reverse, within the bound. NaN gives NaN.
struct MathClass {
  Fn fn;
  double f32, f64;
};

// One row per macro, in the order of Fn.
std::span<const MathClass> math_classes();
const MathClass& math_class(Fn fn);

// The expansions of macros of several files.
namespace macro {

Real sine(Real x);
Real cosine(Real x);
Real tangent(Real x);
Real gelu(Real x);
Real gelu_tanh(Real x);

// e^x for x <= 60, as mantissa * scale: so that what is multiplied before the scale is not cut off
// where the power is subnormal.
struct SmallPower {
  Real mantissa;
  double scale;

  Real value() const { return mantissa * scale; }
};

// Of x + rest, where rest is far below x; for -infinity 0.
SmallPower bounded_exp(Real x, std::optional<Real> rest = std::nullopt);

}  // namespace macro

}  // namespace rlx
