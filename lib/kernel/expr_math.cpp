// Transcendentals as multiplications, additions, bit operations and selects: branch-free, so that a
// backend runs them on vectors, and the same bits wherever they run.
//
// Infinities, NaN and zeros give what IEEE 754 says of the function. Polynomials and rationals are
// fits of the least relative error; test/backend/math_test.cpp holds the bounds.
#include "kernel/expr_math.h"

#include <array>
#include <cmath>
#include <limits>

namespace rlx::macro {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ln 2 = kLn2 + kLn2Rest, as the two nearest numbers of the type.
constexpr double kLn2F32 = 0x1.62e43p-1, kLn2RestF32 = -0x1.05c61p-29;
constexpr double kLn2F64 = 0x1.62e42fefa39efp-1, kLn2RestF64 = 0x1.abc9e3b39803fp-56;

// ---- Exponential ------------------------------------------------------------------------------

// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2
constexpr std::array kExpF32{0.49999993447324598, 0.16666520627104983, 0.041668388140038919,
                             0.008368717307949778, 0.0013814594117707347};
constexpr std::array kExpF64{0.50000000000000111,    0.16666666666666413,    0.041666666666530024,
                             0.0083333333334942965,  0.001388888894366962,   0.00019841269507075971,
                             2.4801493054498131e-05, 2.7557585808811299e-06, 2.763026532551485e-07,
                             2.5000277687031902e-08};

// A number so large that the last place of its sum with x is 1: adding it rounds x to an integer,
// which then stands in the sum's low bits.
double rounder(Real x) { return x.pick(0x1.8p23, 0x1.8p52); }

// x = n ln 2 + r.
struct Reduced {
  // n + rounder.
  Real shifted;
  Real r;
  // (e^r - 1 - r) / r^2
  Real p;
};

// With `rest`, of x + rest.
Reduced reduced(Real x, std::optional<Real> rest = std::nullopt) {
  const Real shifted = fma(x, 1.4426950408889634, rounder(x));
  const Real n = shifted - rounder(x);
  Real r = fma(n, -x.pick(kLn2F32, kLn2F64), x);
  if (rest) r = r + *rest;
  r = fma(n, -x.pick(kLn2RestF32, kLn2RestF64), r);
  return {shifted, r, polynomial(r, x.pick(kExpF32, kExpF64))};
}

// 2^(n + more), of an exponent in range; 0 where its bits are 0.
Real power_of_two(const Reduced& x, int64_t more) {
  const bool wide = x.r.is_wide();
  const int64_t mantissa_bits = wide ? 52 : 23, bias = wide ? 1023 : 127;
  const Real bits = x.shifted.bitcast(x.r.bits_type()) << mantissa_bits;
  return (bits + bits.whole((bias + more) << mantissa_bits)).bitcast(x.r.type());
}

// e^r
Real exp_of_rest(const Reduced& x) { return fma(fma(x.p, x.r, 1), x.r, 1); }

// Whether x is the lesser of something and a constant up to `bound`.
bool is_at_most(Real x, double bound) {
  const Expr& e = (*x.body)[x.id.index];
  if (e.fn != Fn::kMin) return false;
  const Expr& most = (*x.body)[e.args[1].index];
  return most.fn == Fn::kConst && most.scalar.f <= bound;
}

}  // namespace

// e^x = e^r 2^h 2^(n - h) with h = floor(n / 2), so that every n of a finite result is within reach
// and the last product alone rounds. At the lower clamp the bits of both powers are 0.
//
// A bound above makes it cheaper; the bits are the same.
Real exp(Real x) {
  if (is_at_most(x, 60)) return bounded_exp(x).value();
  const Reduced y = reduced(clamp(x, x.pick(-176.1, -1418), x.pick(89, 709.9)));
  int64_t mantissa_bits = x.is_wide() ? 52 : 23;
  // The rounder's bits are even, and gone once they are shifted to the exponent.
  const Real n = y.shifted.bitcast(x.bits_type());
  const Real half = n >> 1;
  auto power = [&](Real exponent) {
    const Real bits = exponent << mantissa_bits;
    const Real bias = bits.whole(int64_t{x.is_wide() ? 1023 : 127} << mantissa_bits);
    return (bits + bias).bitcast(x.type());
  };
  return exp_of_rest(y) * power(half) * power(n - half);
}

namespace {

// (e^x - 1) / divisor = 2^(n-s) (e^r - 1) + 2^(n-s) - 2^-s, for a power 2^s that keeps 2^(n-s)
// finite up to the function's end.
Real part_of_expm1(Real x, int64_t s) {
  const Reduced y = reduced(x);
  const Real power = power_of_two(y, -s);
  const Real q = fma(y.r * y.r, y.p, y.r);
  return fma(power, q, power - std::ldexp(1, static_cast<int>(-s)));
}

// e^x - 1 for |x| < 50, exact near 0 too.
Real small_expm1(Real x) { return part_of_expm1(x, 0); }

// x itself where it is so small that the function's next term is nothing: subnormals keep all bits,
// and -0 its sign.
Real or_tiny(Real x, Real y) { return select(abs(x) < x.pick(0x1p-14, 0x1p-28), x, y); }

}  // namespace

Real expm1(Real x) {
  const Real half = part_of_expm1(clamp(x, x.pick(-25, -50), x.pick(89, 709.9)), 1);
  return select(abs(x) < x.pick(0x1p-25, 0x1p-54), x, half + half);
}

// e^x / (1 + e^x), which is 1 long before 60.
Real sigmoid(Real x) {
  const Real e = bounded_exp(x.apply(Fn::kMin, x.number(60))).value();
  return e / (1 + e);
}

// The mantissa is e^r 2^(n + more), which is normal as long as x e^x is no 0. At the clamp its
// bits are 0.
SmallPower bounded_exp(Real x, std::optional<Real> rest) {
  const Real limited = x.apply(Fn::kMax, x.number(x.pick(-115.75, -764.5)));
  const int64_t more = x.is_wide() ? 80 : 40;
  const Reduced y = reduced(limited, rest);
  return {exp_of_rest(y) * power_of_two(y, more), x.pick(0x1p-40, 0x1p-80)};
}

// ---- Logarithm --------------------------------------------------------------------------------

namespace {

// (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2)
constexpr std::array kLogF32{0.33333910769874658,  -0.25001337015843772, 0.19963062291024802,
                             -0.16577586011691101, 0.14914787014138361,  -0.14267476301010551,
                             0.087003599589392605};
// (log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2
constexpr std::array kLogF64{0.66666666666667351, 0.39999999999411112, 0.28571428743257571,
                             0.22222198476609145, 0.18183569702599145, 0.15313904312540372,
                             0.14797496002178029};

// log(1 + f) - f.
Real log_rest(Real f) {
  if (!f.is_wide()) {
    const Real square = f * f;
    return fma(square * f, polynomial(f, kLogF32), square * -0.5);
  }
  // With s = f / (2 + f): log(1 + f) = 2 s + s^3 p(s^2), and 2 s = f - s f.
  const Real s = f / (f + 2);
  const Real z = s * s;
  return s * fma(z, polynomial(z, kLogF64), -f);
}

// x = 2^exponent (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2).
struct Split {
  // An integer of the size of x.
  Real exponent;
  Real f;
};

// Of a normal x: the exponent is that of x / sqrt(1/2), whose bits count from there.
Split split(Real x) {
  const int64_t mantissa_bits = x.is_wide() ? 52 : 23;
  const Real bits = x.bitcast(x.bits_type());
  const Real above = bits - bits.whole(x.is_wide() ? 0x3FE6A09E667F3BCD : 0x3F3504F3);
  const Real exponent = above >> mantissa_bits;
  return {exponent, (bits - (exponent << mantissa_bits)).bitcast(x.type()) - 1};
}

// log(2^e (1 + f))
Real log_of(Real e, Real f) {
  const Real rest = fma(e, f.pick(kLn2RestF32, kLn2RestF64), log_rest(f));
  return fma(e, f.pick(kLn2F32, kLn2F64), f + rest);
}

}  // namespace

Real log(Real x) {
  // Denormals are made normal.
  const Real tiny =
      x < x.pick(std::numeric_limits<float>::min(), std::numeric_limits<double>::min());
  const double lift = x.pick(0x1p24, 0x1p54);
  const Real lifted = select(tiny, x * lift, x);
  const Real lift_exponent = select(tiny, x.number(-x.pick(24, 54)), x.number(0));
  const Split s = split(lifted);
  const Real y = log_of(s.exponent.cast(x.type()) + lift_exponent, s.f);
  // Where x is no positive number: infinity and NaN stay.
  const Real special = select(x == 0, x.number(-kInfinity), select(x < 0, x.number(kNan), x));
  const Real positive = (x > 0) & (x < kInfinity);
  return select(positive, y, special);
}

// ---- Hyperbolic tangent and error function ----------------------------------------------------

// tanh(|x|) = e / (e + 2) with e = e^(2 |x|) - 1; from the clamp on it is 1.
Real tanh(Real x) {
  const Real limited = abs(x).apply(Fn::kMin, x.number(x.pick(9.02, 20)));
  const Real e = small_expm1(limited + limited);
  return with_sign(e / (e + 2), x);
}

namespace {

// log(erfc(x)) / x for 0 <= x <= 3.93, from where on erf(x) is 1 in f32
constexpr std::array kLogErfc{
    -1.1283791716161933,    -0.63661938184143119,    -0.10277783143501723,
    0.019153066494760698,   0.00016039237359120358,  -0.0016670242456492358,
    0.00063283508659495646, -0.00011764072398449034, 9.2561952193057417e-06};
// erf(x) / x in x^2 for |x| <= 1
constexpr std::array kSmallErf{
    1.1283791670955126,      -0.37612638903183543,    0.11283791670945068,
    -0.026866170643247082,   0.0052239776071845183,   -0.00085483259781916269,
    0.00012055294974258133,  -1.4924737965394074e-05, 1.6447434430689877e-06,
    -1.6208533636229416e-07, 1.3720177447251963e-08,  -7.7959257787823211e-10};
// erfc(x) e^(x^2) = p(x) / q(x) for 1 <= x <= 6, from where on erf(x) is 1 in f64
constexpr std::array kErfcP{1.0000000026734772,   1.5578626090841974, 1.202665827064044,
                            0.55860615073057718,  0.1628363741511436, 0.028274944595887821,
                            0.0023239328612467275};
constexpr std::array kErfcQ{1.0,
                            2.6862418091717015,
                            3.2337649279457148,
                            2.2735308255390598,
                            1.0152071593560748,
                            0.29067566883242169,
                            0.050116240066643364,
                            0.0041190584178556833};

Real erf_f32(Real x) {
  const Real a = abs(x).apply(Fn::kMin, x.number(3.93));
  return with_sign(abs(small_expm1(a * polynomial(a, kLogErfc))), x);
}

Real erf_f64(Real x) {
  const Real small = x * polynomial(x * x, kSmallErf);
  const Real a = abs(x).apply(Fn::kMin, x.number(6));
  const Real complement = exp(-(a * a)) * (polynomial(a, kErfcP) / polynomial(a, kErfcQ));
  return select(a < 1, small, with_sign(1 - complement, x));
}

}  // namespace

Real erf(Real x) { return x.is_wide() ? erf_f64(x) : erf_f32(x); }

// ---- Hyperbolic functions -----------------------------------------------------------------------

namespace {

// Where e^|x| / 2 has overflowed for good; quarters of it have not.
Real limited_magnitude(Real x) { return abs(x).apply(Fn::kMin, x.number(x.pick(89.5, 710.6))); }

}  // namespace

// With e = e^|x| - 1: (e + e / (e + 1)) / 2, on a quarter of e.
Real sinh(Real x) {
  const Real e = part_of_expm1(limited_magnitude(x), 2);
  const Real half = e + e * 0.25 / (e + 0.25);
  return or_tiny(x, with_sign(half + half, x));
}

// (e^|x| + 1 / e^|x|) / 2, on a quarter of e^|x|.
Real cosh(Real x) {
  const Reduced y = reduced(limited_magnitude(x));
  const Real e = exp_of_rest(y) * power_of_two(y, -2);
  const Real half = e + 0.0625 / e;
  return half + half;
}

// ---- Inverse hyperbolic functions ---------------------------------------------------------------

namespace {

// log((1 + z) 2^more) for 0 <= z < 2^126 (2^1022). What 1 + z rounds off is brought back into f, so that
// a small z keeps all its bits.
Real log1p(Real z, std::optional<Real> more = std::nullopt) {
  const Real sum = z + 1;
  const Split s = split(sum);
  const int64_t mantissa_bits = z.is_wide() ? 52 : 23, bias = z.is_wide() ? 1023 : 127;
  const Real scale = ((s.exponent.whole(bias) - s.exponent) << mantissa_bits).bitcast(z.type());
  const Real f = fma(z - (sum - 1), scale, s.f);
  const Real e = s.exponent.cast(z.type());
  return log_of(more ? e + *more : e, f);
}

// log(1 + z) of a z that comes to 2 x as x grows, and may overflow on the way.
Real log1p_or_log_twice(Real z, Real x) {
  const Real huge = x > x.pick(0x1p60, 0x1p500);
  const Real y = log1p(select(huge, x * 0.25, z), select(huge, x.number(3), x.number(0)));
  // Infinity and NaN stay.
  return select(x < kInfinity, y, x);
}

Real root_of(Real x) { return x.apply(Fn::kSqrt); }

}  // namespace

// log(a + sqrt(a^2 + 1)) with a = |x|
Real asinh(Real x) {
  const Real a = abs(x);
  const Real z = a + a * a / (root_of(fma(a, a, 1)) + 1);
  return with_sign(log1p_or_log_twice(z, a), x);
}

// log(x + sqrt(x^2 - 1)), by t = x - 1, which is exact near its 0.
Real acosh(Real x) {
  const Real t = x - 1;
  const Real z = t + root_of(t * (t + 2));
  return select(x < 1, x.number(kNan), log1p_or_log_twice(z, x));
}

// log((1 + a) / (1 - a)) / 2 with a = |x|
Real atanh(Real x) {
  const Real a = abs(x);
  const Real y = log1p((a + a) / (1 - a)) * 0.5;
  const Real end = select(a == 1, a.number(kInfinity), a.number(kNan));
  return with_sign(select(a < 1, y, end), x);
}

// ---- Softplus and mish --------------------------------------------------------------------------

namespace {

// log(1 + z) for 0 <= z <= 1.
Real log1p_of_unit(Real z) {
  // 1 + z = 2^e (1 + f)
  Real above = z > 0.41421354;
  const Real f = select(above, fma(z, 0.5, -0.5), z);
  auto if_above = [&](double value) { return select(above, z.number(value), z.number(0)); };
  const Real rest = log_rest(f) + if_above(z.pick(kLn2RestF32, kLn2RestF64));
  return (f + rest) + if_above(z.pick(kLn2F32, kLn2F64));
}

}  // namespace

// log(1 + e^x)
Real softplus(Real x) {
  const Real e = bounded_exp(-abs(x)).value();
  return x.apply(Fn::kMax, x.number(0)) + log1p_of_unit(e);
}

// x tanh(softplus(x)) = x u / v with u = e^2 + 2 e, v = u + 2 and e = e^x; for positive x both are
// divided by e^2x.
Real mish(Real x) {
  const SmallPower power = bounded_exp(-abs(x));
  const Real e = power.value(), one = x.number(1);
  const Real negative = x < 0;
  const Real u = select(negative, e + 2, fma(e, 2, 1));
  const Real v = select(negative, fma(e, e + 2, 2), fma(e + e, e + 1, 1));
  const Real y = x * (u / v * select(negative, power.mantissa, one));
  return y * select(negative, x.number(power.scale), one);
}

// ---- Power ------------------------------------------------------------------------------------

namespace {

// |x|^y = e^(y log|x|), and IEEE's rules for signs and special values.
Real general_pow(Real x, Real y) {
  const Real a = x.cast(DType::kF64), b = y.cast(DType::kF64);
  const Real magnitude = select(abs(a) == 1, a.number(1), exp(b * log(abs(a))));
  const Real half = b * 0.5;
  const Real is_whole = trunc(b) == b;
  const Real is_odd = is_whole & !(trunc(half) == half);
  const Real bits = a.bitcast(DType::kI64);
  const Real is_negative = bits.test(Fn::kLt, bits.whole(0));
  Real result = select(is_negative & is_odd, -magnitude, magnitude);
  const Real is_complex = (a < 0) & (a > -kInfinity) & !is_whole;
  result = select(is_complex, a.number(kNan), result);
  return select(b == 0, b.number(1), result).cast(x.type());
}

// A square root but for two rules of pow: of -0 it is 0, of -infinity infinity.
Real root(Real x) { return select(x == -kInfinity, x.number(kInfinity), x.apply(Fn::kSqrt) + 0); }

}  // namespace

// The powers that models are full of are cheap and exact or nearly so. An exponent that is found at
// run time takes the same way as a constant one, whose tests fold.
Real pow(Real x, Real y) {
  const Real square = x * x;
  Real result = general_pow(x, y);
  result = select(y == 0.5, root(x), result);
  result = select(y == 1, x, result);
  result = select(y == 2, square, result);
  return select(y == 3, square * x, result);
}

}  // namespace rlx::macro
