// How the macros of kernel/functions.def are made.
#pragma once
#include <optional>

#include "kernel/real.h"

namespace rlx::macro {

// The expansions, of as many operands as the function has.
Real exp(Real x);
Real log(Real x);
Real tanh(Real x);
Real erf(Real x);
Real sin(Real x);
Real cos(Real x);
Real pow(Real x, Real y);
Real sigmoid(Real x);
Real expm1(Real x);
Real sinh(Real x);
Real cosh(Real x);
Real tan(Real x);
Real asinh(Real x);
Real acosh(Real x);
Real atanh(Real x);
Real asin(Real x);
Real acos(Real x);
Real atan(Real x);
Real softplus(Real x);
Real mish(Real x);
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

}  // namespace rlx::macro
