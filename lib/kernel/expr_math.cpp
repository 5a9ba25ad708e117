// Transcendentals as multiplications, additions, bit operations and selects: branch-free, so that a
// backend runs them on vectors, and the same bits wherever they run.
//
// Error bounds against the exact value, in units of the result's last place:
//
//            f32    f64
//   exp      1.1    1.1    results under 2^-125 (f64: 2^-1021) are 0, as denormals are slow
//   log      1.5    1.5    denormals included
//   tanh     3.0    3.0
//   erf      3.0    3.0
//   sigmoid  2.5    2.5    flushes as exp does
//   sin, cos 1.5    1.5    for |x| <= 2^50; beyond, the value at 2^50 of that sign
//   pow      0.6    2 + 2 |y log x|    in f64 throughout
//
// Infinities, NaN and zeros give what IEEE 754 says of the function. Polynomials and rationals are
// minimax fits of the relative error; test/kernel/expr_math_test.cpp holds the bounds.
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
constexpr std::array kExpF64{0.50000000000000111,   0.16666666666666413,    0.041666666666530024,
                             0.0083333333334942965, 0.001388888894366962,   0.00019841269507075971,
                             2.4801493054498131e-05, 2.7557585808811299e-06, 2.763026532551485e-07,
                             2.5000277687031902e-08};

// A number so large that the last place of the sum with x is 1: adding it rounds x to an integer, which
// then stands in the sum's low bits.
double rounder(Real x) { return x.pick(0x1.8p23, 0x1.8p52); }

// e^x = 2^n e^r = 2^(n-1) (2 e^r), so that n = 128 is within reach. The clamped ends overflow to infinity
// and, as the exponent's bits of 2^(n-1) are 0 there, vanish.
Real exp(Real x) {
  x = clamp(x, x.pick(-87.4, -708.5), x.pick(89, 709.9));
  Real shifted = fma(x, 1.4426950408889634, rounder(x));
  Real n = shifted - rounder(x);
  Real r = fma(n, -x.pick(kLn2F32, kLn2F64), x);
  r = fma(n, -x.pick(kLn2RestF32, kLn2RestF64), r);
  Real p = polynomial(r, x.pick(kExpF32, kExpF64));
  Real twice = fma(fma(p, r, 1), r + r, 2);
  int64_t mantissa_bits = x.is_wide() ? 52 : 23, bias = x.is_wide() ? 1023 : 127;
  Real bits = shifted.bitcast(x.bits_type()) << mantissa_bits;
  Real scale = bits + bits.whole((bias - 1) << mantissa_bits);
  return twice * scale.bitcast(x.type());
}

Real sigmoid(Real x) { return 1 / (1 + exp(-x)); }

// ---- Logarithm --------------------------------------------------------------------------------

// (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2)
constexpr std::array kLogF32{0.33333910769874658, -0.25001337015843772, 0.19963062291024802,
                             -0.16577586011691101, 0.14914787014138361, -0.14267476301010551,
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

// tanh(x) / x = p(x^2) / q(x^2) for |x| <= 9.02, where it is 1 in f32
constexpr std::array kTanhP{0.9999999790093774, 0.13379715102713127, 0.0034940312460647067,
                            2.0583429095811772e-05, 1.3319004283483279e-08};
constexpr std::array kTanhQ{1.0, 0.46713030340414985, 0.025871060445752866, 0.00032830875209383174,
                            7.761990762198682e-07};
// (tanh(x) / x - 1) / x^2 = p(x^2) / q(x^2) for |x| <= 0.625
constexpr std::array kSmallTanhP{-0.33333333333333326, -0.020496805294039369,
                                 -0.00019908975823322491};
constexpr std::array kSmallTanhQ{1.0, 0.46149041588210327, 0.023288673723035287,
                                 0.00020643919090460622};

Real tanh(Real x) {
  if (!x.is_wide()) {
    x = clamp(x, -9.02, 9.02);
    Real z = x * x;
    return x * polynomial(z, kTanhP) / polynomial(z, kTanhQ);
  }
  Real z = x * x;
  Real small = fma(x * z, polynomial(z, kSmallTanhP) / polynomial(z, kSmallTanhQ), x);
  Real large = 1 - 2 / (exp(abs(x) * 2) + 1);
  return select(abs(x) < 0.625, small, copy_sign(large, x));
}

// erf(x) / x = p(x^2) / q(x^2) for |x| <= 3.93, where it is 1 in f32
constexpr std::array kErfP{1.1283791453523424,   0.19078385180490415,    0.05279029004160561,
                           0.003779610595202313, 0.00028480871445429895, 2.0419716062270597e-06};
constexpr std::array kErfQ{1.0,
                           0.5024105059184176,
                           0.11425753221463507,
                           0.014997439867187011,
                           0.0011652132083694406,
                           3.800408943979313e-05};
// erf(x) / x in x^2 for |x| <= 1
constexpr std::array kSmallErf{1.1283791670955126,      -0.37612638903183543,   0.11283791670945068,
                               -0.026866170643247082,   0.0052239776071845183,  -0.00085483259781916269,
                               0.00012055294974258133,  -1.4924737965394074e-05, 1.6447434430689877e-06,
                               -1.6208533636229416e-07, 1.3720177447251963e-08, -7.7959257787823211e-10};
// erfc(t) e^(t^2) = p(t) / q(t) for 1 <= t <= 6
constexpr std::array kErfcP{1.0000000026734772,  1.5578626090841974,  1.202665827064044,
                            0.55860615073057718, 0.1628363741511436,  0.028274944595887821,
                            0.0023239328612467275};
constexpr std::array kErfcQ{1.0,
                            2.6862418091717015,
                            3.2337649279457148,
                            2.2735308255390598,
                            1.0152071593560748,
                            0.29067566883242169,
                            0.050116240066643364,
                            0.0041190584178556833};

Real erf(Real x) {
  if (!x.is_wide()) {
    x = clamp(x, -3.93, 3.93);
    Real z = x * x;
    return x * polynomial(z, kErfP) / polynomial(z, kErfQ);
  }
  Real small = x * polynomial(x * x, kSmallErf);
  Real t = clamp(abs(x), 0, 6);
  Real complement = exp(-(t * t)) * (polynomial(t, kErfcP) / polynomial(t, kErfcQ));
  return select(t < 1, small, copy_sign(1 - complement, x));
}

// ---- Sine and cosine --------------------------------------------------------------------------

// (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2 for |r| <= pi / 4
constexpr std::array kSinF32{-0.16666654908430104, 0.0083321758369930363, -0.00019516976468893175};
constexpr std::array kSinF64{-0.16666666666666632,   0.008333333333322368,    -0.00019841269829769541,
                             2.7557313678146959e-06, -2.5050755885648718e-08, 1.5896662393967339e-10};
constexpr std::array kCosF32{0.0416666456183553, -0.001388731304470219, 2.4432783323566367e-05};
constexpr std::array kCosF64{0.041666666666666595,    -0.0013888888888872897, 2.4801587288752103e-05,
                             -2.7557314150233721e-07, 2.087569685069339e-09,  -1.1358327720135036e-11};
// pi / 2 as a sum.
constexpr std::array kHalfPi{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};

// sin(x + quarters * pi / 2). With x = n pi / 2 + r: Cody and Waite's reduction in f64, where every n below
// 2^51 is an integer and x - n kHalfPi[0] is exact.
Real sine(Real x, int64_t quarters) {
  Real w = clamp(x.cast(DType::kF64), -0x1p50, 0x1p50);
  Real shifted = fma(w, 0.63661977236758134, rounder(w));
  Real n = shifted - rounder(w);
  for (double part : kHalfPi) w = fma(n, -part, w);
  // An infinity has been clamped; its sine is NaN.
  Real r = fma(x, x.number(0), w.cast(x.type()));
  Real z = r * r;
  Real s = fma(r * z, polynomial(z, x.pick(kSinF32, kSinF64)), r);
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
