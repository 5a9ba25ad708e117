// The Gaussian error linear unit, and its form with tanh. Both are x times a probability that falls
// like e^(-x^2 / 2): the exponent is kept in two parts, and x is multiplied before the power is scaled,
// so that no digit is lost down to the last subnormal.
#include <array>

#include "kernel/expr_math.h"

namespace rlx::macro {
namespace {

// a + b = sum + rest exactly, whichever is the greater.
struct Parts {
  Real high, low;
};

Parts product(Real a, Real b) {
  const Real high = a * b;
  return {high, fma(a, b, -high)};
}

Parts sum(Real a, Real b) {
  const Real high = a + b;
  const Real of_b = high - a;
  return {high, (a - (high - of_b)) + (b - of_b)};
}

// Mills' ratio of the normal distribution, P(X > y) e^(y^2 / 2), over t = 1 / (1 + y / 4): for f32 in t,
// for f64 in what maps [t(39.2), 1] to [-1, 1].
constexpr std::array kMillsF32{0.09974938499434747, 0.09946033525307528, 0.09581034881750523,
                               0.07050698103500609, 0.09128952089039996, 0.003539993247681861,
                               0.04005922639948363, 0.04252926287410987, -0.058755016474706295,
                               0.01580996555657128};
constexpr std::array kMillsF64{
    0.20376087279298266,     0.155298360296733,       0.09100737665064115,
    0.039127802050118246,    0.010745029526638833,    0.000818432672783557,
    -0.0006265337992322869,  -0.00018510894414251454, 3.684713347075754e-05,
    2.2228431678190977e-05,  -3.4080424482952016e-06, -2.6327216124037296e-06,
    5.472395827160444e-07,   3.058919794127883e-07,   -1.0937168863534299e-07,
    -2.8831345174457972e-08, 2.1131705332343348e-08,  4.628752964769569e-10,
    -3.4801495059023684e-09, 6.701667453693232e-10,   4.2658140223645434e-10,
    -1.7798934386204089e-10, -2.874137611182236e-11,  1.9412246714581613e-11};

Real mills_ratio(Real y) {
  const Real t = 1 / fma(y, 0.25, 1);
  const Real at = y.is_wide() ? fma(t, 2.204081632653061, -1.2040816326530612) : t;
  return t * polynomial(at, y.pick(kMillsF32, kMillsF64));
}

Real limited(Real x, double narrow, double wide) {
  return x.apply(Fn::kMin, x.number(x.pick(narrow, wide)));
}

}  // namespace

// x P(X < x), which for positive x is x (1 - P(X > x)). From the clamp on the power is 0.
Real gelu(Real x) {
  const Real y = limited(abs(x), 15.215, 39.103);
  const Parts square = product(y, y);
  const SmallPower power = bounded_exp(square.high * -0.5, square.low * -0.5);
  const Real tail = power.mantissa * mills_ratio(y);
  const Real negative = x < 0;
  const Real share = select(negative, tail, 1 - tail * power.scale);
  return x * share * select(negative, x.number(power.scale), x.number(1));
}

// x / (1 + e^-v) with v = 2 sqrt(2 / pi) (x + 0.044715 x^3).
Real gelu_tanh(Real x) {
  // What the type leaves of a constant is in its rest.
  constexpr double kLinear = 1.5957691216057308, kCubic = 0.07135481627260025;
  const double linear_rest = x.pick(-4.534068042105272e-08, -9.96930880911092e-17),
               cubic_rest = x.pick(2.3988323959931355e-09, -6.175149918155315e-19);
  const Real y = limited(abs(x), 11.115, 21.707);
  const Parts square = product(y, y);
  const Parts cubic = product(square.high, x.number(kCubic));
  const Parts factor = sum(cubic.high, x.number(kLinear));
  Real low = factor.low + (cubic.low + square.low * kCubic);
  low = low + fma(square.high, cubic_rest, linear_rest);
  const Parts v = product(y, factor.high);
  const SmallPower power = bounded_exp(-v.high, -fma(y, low, v.low));
  const Real negative = x < 0, one = x.number(1);
  const Real share = select(negative, power.mantissa, one) / (1 + power.value());
  return x * share * select(negative, x.number(power.scale), one);
}

}  // namespace rlx::macro
