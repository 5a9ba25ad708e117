// Transcendentals as multiplications, additions, bit operations and selects: branch-free, so that a
// backend runs them on vectors, and the same bits wherever they run.
//
// Error bounds against the exact value, in units of the result's last place:
//
//            f32    f64
//   exp      1.0    1.0    results under 2^-125 (f64: 2^-1021) are 0, as denormals are slow
//   log      1.5    1.5    denormals included
//   tanh     3.0    3.0
//   erf      3.5    2.0
//   sigmoid  2.5    2.5    where exp(-x) overflows, 0
//   sin, cos 2.5    2.5    for |x| <= 2^45; beyond, as at 2^45
//   pow      0.6    2 + 2 |y log x|    in f64 throughout
//
// Infinities, NaN and zeros give what IEEE 754 says of the function. Polynomials and rationals are
// fits of the least relative error; test/kernel/expr_math_test.cpp holds the bounds.
#include <array>
#include <limits>

#include "kernel/real.h"

namespace rlx {
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

Reduced reduced(Real x) {
  Real shifted = fma(x, 1.4426950408889634, rounder(x));
  Real n = shifted - rounder(x);
  Real r = fma(n, -x.pick(kLn2F32, kLn2F64), x);
  r = fma(n, -x.pick(kLn2RestF32, kLn2RestF64), r);
  return {shifted, r, polynomial(r, x.pick(kExpF32, kExpF64))};
}

// 2^(n + more), of an exponent in range.
Real power_of_two(const Reduced& x, int64_t more) {
  bool wide = x.r.is_wide();
  int64_t mantissa_bits = wide ? 52 : 23, bias = wide ? 1023 : 127;
  Real bits = x.shifted.bitcast(x.r.bits_type()) << mantissa_bits;
  return (bits + bits.whole((bias + more) << mantissa_bits)).bitcast(x.r.type());
}

// e^x = 2^n e^r = 2^(n-1) (2 e^r), so that n = 128 is within reach. The clamped ends overflow to
// infinity and, as the exponent's bits of 2^(n-1) are 0 there, vanish.
Real exp(Real x) {
  Reduced y = reduced(clamp(x, x.pick(-87.4, -708.5), x.pick(89, 709.9)));
  Real twice = fma(fma(y.p, y.r, 1), y.r + y.r, 2);
  return twice * power_of_two(y, -1);
}

// e^x - 1 = 2^n (e^r - 1) + (2^n - 1) for |x| < 50, exact near 0 too.
Real expm1(Real x) {
  Reduced y = reduced(x);
  Real power = power_of_two(y, 0);
  Real q = fma(y.r * y.r, y.p, y.r);
  return fma(power, q, power - 1);
}

Real sigmoid(Real x) { return 1 / (1 + exp(-x)); }

// ---- Logarithm --------------------------------------------------------------------------------

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
    Real square = f * f;
    return fma(square * f, polynomial(f, kLogF32), square * -0.5);
  }
  // With s = f / (2 + f): log(1 + f) = 2 s + s^3 p(s^2), and 2 s = f - s f.
  Real s = f / (f + 2);
  Real z = s * s;
  return s * fma(z, polynomial(z, kLogF64), -f);
}

Real log(Real x) {
  int64_t mantissa_bits = x.is_wide() ? 52 : 23;
  // Denormals are made normal.
  Real tiny = x < x.pick(std::numeric_limits<float>::min(), std::numeric_limits<double>::min());
  double lift = x.pick(0x1p24, 0x1p54);
  Real lifted = select(tiny, x * lift, x);
  Real lift_exponent = select(tiny, x.number(-x.pick(24, 54)), x.number(0));
  // x = 2^e (1 + f): the exponent of x / sqrt(1/2), whose bits count from there.
  Real bits = lifted.bitcast(x.bits_type());
  Real above = bits - bits.whole(x.is_wide() ? 0x3FE6A09E667F3BCD : 0x3F3504F3);
  Real exponent = above >> mantissa_bits;
  Real f = (bits - (exponent << mantissa_bits)).bitcast(x.type()) - 1;
  Real e = exponent.cast(x.type()) + lift_exponent;
  Real rest = fma(e, x.pick(kLn2RestF32, kLn2RestF64), log_rest(f));
  Real y = fma(e, x.pick(kLn2F32, kLn2F64), f + rest);
  // Where x is no positive number: infinity and NaN stay.
  Real special = select(x == 0, x.number(-kInfinity), select(x < 0, x.number(kNan), x));
  Real positive = (x > 0) & (x < kInfinity);
  return select(positive, y, special);
}

// ---- Hyperbolic tangent and error function ----------------------------------------------------

// tanh(|x|) = e / (e + 2) with e = e^(2 |x|) - 1; from the clamp on it is 1.
Real tanh(Real x) {
  Real limited = abs(x).apply(Fn::kMin, x.number(x.pick(9.02, 20)));
  Real e = expm1(limited + limited);
  return with_sign(e / (e + 2), x);
}

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
  Real a = abs(x).apply(Fn::kMin, x.number(3.93));
  return with_sign(abs(expm1(a * polynomial(a, kLogErfc))), x);
}

Real erf_f64(Real x) {
  Real small = x * polynomial(x * x, kSmallErf);
  Real a = abs(x).apply(Fn::kMin, x.number(6));
  Real complement = exp(-(a * a)) * (polynomial(a, kErfcP) / polynomial(a, kErfcQ));
  return select(a < 1, small, with_sign(1 - complement, x));
}

Real erf(Real x) { return x.is_wide() ? erf_f64(x) : erf_f32(x); }

// ---- Sine and cosine --------------------------------------------------------------------------

// (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2 for |r| <= pi / 4
constexpr std::array kSinF32{-0.16666654908430104, 0.0083321758369930363, -0.00019516976468893175};
constexpr std::array kSinF64{-0.16666666666666632,    0.008333333333322368,
                             -0.00019841269829769541, 2.7557313678146959e-06,
                             -2.5050755885648718e-08, 1.5896662393967339e-10};
constexpr std::array kCosF32{0.0416666456183553, -0.001388731304470219, 2.4432783323566367e-05};
constexpr std::array kCosF64{0.041666666666666595,   -0.0013888888888872897,
                             2.4801587288752103e-05, -2.7557314150233721e-07,
                             2.087569685069339e-09,  -1.1358327720135036e-11};
// pi / 2 as a sum; all parts are positive, so that -0 stays -0.
constexpr std::array kHalfPi{0x1.921fb54442d18p+0, 0x1.1a62633145c06p-54, 0x1.c1cd129024e09p-107};

// sin(x + quarters * pi / 2). With x = n pi / 2 + r: Cody and Waite's reduction in f64, where every
// n below 2^51 is an integer and x - n kHalfPi[0] is exact.
Real sine(Real x, int64_t quarters) {
  Real w = clamp(x.cast(DType::kF64), -0x1p45, 0x1p45);
  Real shifted = fma(w, 0.63661977236758134, rounder(w));
  Real n = shifted - rounder(w);
  for (double part : kHalfPi) w = fma(n, -part, w);
  // An infinity has been clamped; its sine is NaN.
  Real r = fma(x, x.number(0), w.cast(x.type()));
  Real z = r * r;
  // A product, as a sum would make 0 of -0.
  Real s = r * fma(z, polynomial(z, x.pick(kSinF32, kSinF64)), 1);
  Real c = fma(z * z, polynomial(z, x.pick(kCosF32, kCosF64)), fma(z, -0.5, 1));
  Real quadrant = shifted.bitcast(DType::kI64);
  quadrant = quadrant + quadrant.whole(quarters);
  auto has = [&](int64_t bit) { return !((quadrant & quadrant.whole(bit)) == quadrant.whole(0)); };
  Real y = select(has(1), c, s);
  return select(has(2), -y, y);
}

// ---- Power ------------------------------------------------------------------------------------

// |x|^y = e^(y log|x|), and IEEE's rules for signs and special values.
Real pow(Real x, Real y) {
  Real a = x.cast(DType::kF64), b = y.cast(DType::kF64);
  Real magnitude = select(abs(a) == 1, a.number(1), exp(b * log(abs(a))));
  Real half = b * 0.5;
  Real is_whole = trunc(b) == b;
  Real is_odd = is_whole & !(trunc(half) == half);
  Real bits = a.bitcast(DType::kI64);
  Real is_negative = bits.test(Fn::kLt, bits.whole(0));
  Real result = select(is_negative & is_odd, -magnitude, magnitude);
  Real is_complex = (a < 0) & (a > -kInfinity) & !is_whole;
  result = select(is_complex, a.number(kNan), result);
  return select(b == 0, b.number(1), result).cast(x.type());
}

std::optional<ExprId> expansion(Body& body, const Expr& e) {
  if (!is_macro(e.fn)) return std::nullopt;
  Real x{&body, e.args[0]};
  switch (e.fn) {
    case Fn::kExp: return exp(x).id;
    case Fn::kLog: return log(x).id;
    case Fn::kTanh: return tanh(x).id;
    case Fn::kErf: return erf(x).id;
    case Fn::kSin: return sine(x, 0).id;
    case Fn::kCos: return sine(x, 1).id;
    case Fn::kPow: return pow(x, Real{&body, e.args[1]}).id;
    case Fn::kSigmoid: return sigmoid(x).id;
    default: return std::nullopt;
  }
}

}  // namespace

void expand_math(Body& body, Vec<ExprId>& roots) {
  Body expanded;
  Vec<ExprId> place;
  for (Expr& e : body) {
    for (ExprId& a : e.args) a = place[a.index];
    auto macro = expansion(expanded, e);
    place.push_back(macro ? *macro : add(expanded, std::move(e)));
  }
  body = std::move(expanded);
  for (ExprId& r : roots) r = place[r.index];
}

}  // namespace rlx
