// The angles whose sine, cosine or tangent is x: polynomials up to 1/2, and identities that bring what is larger there.
#include <array>

#include "kernel/expr_math.h"

namespace rlx::macro {
namespace {

// (asin(s) / s - 1) / s^2 in s^2 for 0 <= s <= 1/2
constexpr std::array kAsinF32{0.16666666337430908,  0.075000945434974237, 0.044599401528512231,
                              0.031100662735493903, 0.017149238357680875, 0.033690847202823448};
constexpr std::array kAsinF64{0.16666666666666669,   0.074999999999984329, 0.044642857146355429,
                              0.030381944138531247,  0.022372172942149889, 0.017352392720869973,
                              0.013971212973552921,  0.011479177415184996, 0.010322814350185391,
                              0.0054575067186412862, 0.017400879442693255, -0.014851887071248394,
                              0.028757851367423804};
// (atan(t) / t - 1) / t^2 in t^2 for 0 <= t <= 1/2
constexpr std::array kAtanF32{-0.33333332901484686, 0.19999875249782642,  -0.14279801095810959,
                              0.1100688068134638,   -0.08235505763636615, 0.042256859630221646};
constexpr std::array kAtanF64{-0.33333333333333331,  0.19999999999999488,   -0.14285714285599188,
                              0.11111111100917376,   -0.090909086203225228, 0.076922947125402846,
                              -0.06666435677235949,  0.058795784295824285,  -0.052400995079947325,
                              0.046280248685702165,  -0.038066536720574889, 0.025006503566490767,
                              -0.0092157920470903251};

// pi / 2 as the sum of the two nearest numbers of the type; halves and doubles of them are exact.
constexpr double kHalfPiF32 = 0x1.921fb6p+0, kHalfPiRestF32 = -0x1.777a5cp-25;
constexpr double kHalfPiF64 = 0x1.921fb54442d18p+0, kHalfPiRestF64 = 0x1.1a62633145c07p-54;

double half_pi(Real x) { return x.pick(kHalfPiF32, kHalfPiF64); }
double half_pi_rest(Real x) { return x.pick(kHalfPiRestF32, kHalfPiRestF64); }

// An angle between 0 and pi / 6: s and what its arc is longer.
struct Arc {
  Real s, more;
};

Arc arc_of(Real s, Real square) {
  return {s, s * square * polynomial(square, s.pick(kAsinF32, kAsinF64))};
}

// Of a itself up to 1/2; beyond, of sin(v / 2) with cos(v) = a. What lies outside of the domain has no root.
Arc near_or_half(Real a, Real is_near) {
  const Real square = select(is_near, a * a, 0.5 - a * 0.5);
  return arc_of(select(is_near, a, square.apply(Fn::kSqrt)), square);
}

}  // namespace

// pi / 2 less twice the half angle, by differences from pi / 4, which round little.
Real asin(Real x) {
  const Real a = abs(x);
  const Real is_near = a < 0.5;
  const Arc arc = near_or_half(a, is_near);
  const Real more = fma(arc.more, 2, -half_pi_rest(x));
  const double quarter_pi = half_pi(x) / 2;
  const Real far = quarter_pi - (((arc.s + arc.s) - quarter_pi) + more);
  return with_sign(select(is_near, arc.s + arc.more, far), x);
}

// Twice the half angle, or pi less that where x is negative.
Real acos(Real x) {
  const Real is_near = abs(x) < 0.5;
  const Arc arc = near_or_half(abs(x), is_near);
  const Real negative = x < 0;
  const Real more = select(negative, -arc.more, arc.more);
  const Real near = half_pi(x) - (select(negative, -arc.s, arc.s) + (more - half_pi_rest(x)));
  const Real opposite = half_pi(x) - (arc.s + (arc.more - half_pi_rest(x)));
  const Real half = select(negative, opposite, arc.s + arc.more);
  return select(is_near, near, half + half);
}

// Of -1 / a from pi / 2, of (a - 1) / (a + 1) from pi / 4, or of a.
Real atan(Real x) {
  const Real a = abs(x);
  const Real is_near = a < 0.5, is_far = a > 2;
  const auto choose = [&](Real near, Real middle, Real far) {
    return select(is_near, near, select(is_far, far, middle));
  };
  const Real one = x.number(1), zero = x.number(0);
  const Real t = choose(a, a - 1, -one) / choose(one, a + 1, a);
  const Real from = choose(zero, x.number(half_pi(x) / 2), x.number(half_pi(x)));
  const Real rest = choose(zero, x.number(half_pi_rest(x) / 2), x.number(half_pi_rest(x)));
  const Real square = t * t;
  const Real more = fma(t * square, polynomial(square, x.pick(kAtanF32, kAtanF64)), rest);
  return with_sign(from + (t + more), x);
}

}  // namespace rlx::macro
