#include "kernel/derivatives.h"

#include <numbers>

namespace rlx::derivative {
namespace {

using Operands = std::span<const Real>;
using Partials = Vec<Real>;

Real square(Real x) { return x * x; }

// x s(x)' + s(x), for a share s of x whose slope is known.
Real of_gate(Real x, Real share, Real slope) { return share + x * slope; }

}  // namespace

Partials add(Operands x, Real) { return {x[0].number(1), x[0].number(1)}; }
Partials sub(Operands x, Real) { return {x[0].number(1), x[0].number(-1)}; }
Partials mul(Operands x, Real) { return {x[1], x[0]}; }
Partials div(Operands x, Real y) { return {1 / x[1], -y / x[1]}; }
Partials rem(Operands x, Real) { return {x[0].number(1), -rlx::trunc(x[0] / x[1])}; }
Partials fma(Operands x, Real) { return {x[1], x[0], x[0].number(1)}; }
Partials neg(Operands x, Real) { return {x[0].number(-1)}; }
Partials sqrt(Operands, Real y) { return {0.5 / y}; }
Partials step(Operands x, Real) { return {x[0].number(0)}; }

Partials abs(Operands x, Real) { return {rlx::select(x[0] < 0, x[0].number(-1), x[0].number(1))}; }

Partials select(Operands x, Real) {
  const Real one = x[1].number(1), zero = x[1].number(0);
  return {rlx::select(x[0], one, zero), rlx::select(x[0], zero, one)};
}

// Of equal ones the second is the one: relu, the maximum of x and 0, is flat at 0.
Partials min(Operands x, Real) {
  const Real chosen[] = {x[1].test(Fn::kLe, x[0]), x[1], x[0]};
  Partials by = select(chosen, x[0]);
  return {by[1], by[0]};
}

Partials max(Operands x, Real) {
  const Real chosen[] = {x[1].test(Fn::kGe, x[0]), x[1], x[0]};
  Partials by = select(chosen, x[0]);
  return {by[1], by[0]};
}

// ---- Macros -----------------------------------------------------------------------------------

Partials exp(Operands, Real y) { return {y}; }
Partials log(Operands x, Real) { return {1 / x[0]}; }
Partials tanh(Operands, Real y) { return {1 - square(y)}; }
Partials sin(Operands x, Real) { return {x[0].apply(macro::kCos)}; }
Partials cos(Operands x, Real) { return {-x[0].apply(macro::kSin)}; }
Partials tan(Operands, Real y) { return {square(y) + 1}; }
Partials sigmoid(Operands, Real y) { return {y * (1 - y)}; }
Partials expm1(Operands x, Real) { return {x[0].apply(macro::kExp)}; }
Partials sinh(Operands x, Real) { return {x[0].apply(macro::kCosh)}; }
Partials cosh(Operands x, Real) { return {x[0].apply(macro::kSinh)}; }
Partials asinh(Operands x, Real) { return {1 / (square(x[0]) + 1).apply(Fn::kSqrt)}; }
Partials acosh(Operands x, Real) { return {1 / ((x[0] - 1) * (x[0] + 1)).apply(Fn::kSqrt)}; }
Partials atanh(Operands x, Real) { return {1 / ((1 - x[0]) * (x[0] + 1))}; }
Partials asin(Operands x, Real) { return {1 / ((1 - x[0]) * (x[0] + 1)).apply(Fn::kSqrt)}; }
Partials acos(Operands x, Real y) { return {-asin(x, y)[0]}; }
Partials atan(Operands x, Real) { return {1 / (square(x[0]) + 1)}; }
Partials softplus(Operands x, Real) { return {x[0].apply(macro::kSigmoid)}; }

Partials erf(Operands x, Real) {
  return {(-square(x[0])).apply(macro::kExp) * (2 * std::numbers::inv_sqrtpi)};
}

Partials pow(Operands x, Real y) {
  return {x[1] * x[0].apply(macro::kPow, x[1] - 1), y * x[0].apply(macro::kLog)};
}

Partials mish(Operands x, Real) {
  const Real share = x[0].apply(macro::kSoftplus).apply(macro::kTanh);
  return {of_gate(x[0], share, (1 - square(share)) * x[0].apply(macro::kSigmoid))};
}

Partials gelu(Operands x, Real) {
  const Real share = (x[0] * (1 / std::numbers::sqrt2)).apply(macro::kErf) * 0.5 + 0.5;
  const Real density =
      (square(x[0]) * -0.5).apply(macro::kExp) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return {of_gate(x[0], share, density)};
}

// x / (1 + e^-v) with v = 2 sqrt(2 / pi) (x + 0.044715 x^3).
Partials gelu_tanh(Operands x, Real) {
  constexpr double kLinear = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  constexpr double kCubic = 0.044715 * kLinear;
  const Real z = square(x[0]);
  const Real share = (x[0] * (z * kCubic + kLinear)).apply(macro::kSigmoid);
  return {of_gate(x[0], share, share * (1 - share) * (z * (3 * kCubic) + kLinear))};
}

}  // namespace rlx::derivative
