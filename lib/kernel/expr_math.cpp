// Transcendentals as fma, bit operations and selects, so that every backend and the interpreter compute the
// same bits. Branch-free: a backend may run them on vectors. Errors against the exact value, over the whole
// range: f32 exp, sigmoid, log, tanh, erf, sin, cos at most 4 ULP (pow 1); f64 the same classes but erf and
// pow, which are good to about 1e-14 relative. Results below the least normal are denormal or 0.
//
// Sources: range reductions after Cody and Waite; polynomials fitted at Chebyshev nodes of each interval.
#include <array>
#include <cmath>
#include <span>

#include "kernel/expr.h"

namespace rlx {
namespace {

// Builds expressions of one float type in a body.
class Math {
 public:
  Math(Body& body, DType type) : body_(body), type_(type) {}

  bool is_double() const { return type_ == DType::kF64; }
  DType type() const { return type_; }
  DType bits_type() const { return is_double() ? DType::kI64 : DType::kI32; }

  ExprId number(double v) const { return add(body_, {.fn = Fn::kConst, .type = type_, .scalar = Scalar::of(type_, v)}); }
  ExprId bits(int64_t v) const { return add(body_, {.fn = Fn::kConst, .type = bits_type(), .scalar = Scalar::of_int(bits_type(), v)}); }
  ExprId node(Fn fn, DType type, Vec<ExprId> args) const { return add(body_, {.fn = fn, .type = type, .args = std::move(args)}); }

  ExprId operator()(Fn fn, ExprId a) const { return node(fn, type_, {a}); }
  ExprId operator()(Fn fn, ExprId a, ExprId b) const { return node(fn, type_, {a, b}); }
  ExprId fma(ExprId a, ExprId b, ExprId c) const { return node(Fn::kFma, type_, {a, b, c}); }
  ExprId test(Fn fn, ExprId a, ExprId b) const { return node(fn, DType::kBool, {a, b}); }
  ExprId select(ExprId c, ExprId a, ExprId b) const { return node(Fn::kSelect, type_, {c, a, b}); }
  ExprId integer(Fn fn, ExprId a, ExprId b) const { return node(fn, bits_type(), {a, b}); }
  ExprId cast(ExprId a, DType to) const { return node(Fn::kCast, to, {a}); }
  ExprId as_bits(ExprId a) const { return node(Fn::kBitcast, bits_type(), {a}); }
  ExprId as_float(ExprId a) const { return node(Fn::kBitcast, type_, {a}); }

  // Lowest coefficient first.
  ExprId polynomial(std::span<const double> c, ExprId x) const {
    ExprId p = number(c.back());
    for (size_t i = c.size() - 1; i-- > 0;) p = fma(p, x, number(c[i]));
    return p;
  }

  // 2^n for an integral n in the exponent's range.
  ExprId power_of_two(ExprId n) const {
    int64_t bias = is_double() ? 1023 : 127, shift = is_double() ? 52 : 23;
    return as_float(integer(Fn::kShl, integer(Fn::kAdd, n, bits(bias)), bits(shift)));
  }

  // |a| with the sign of s.
  ExprId copy_sign(ExprId a, ExprId s) const {
    ExprId sign = bits(is_double() ? INT64_MIN : INT32_MIN);
    return as_float(integer(Fn::kOr, as_bits((*this)(Fn::kAbs, a)), integer(Fn::kAnd, as_bits(s), sign)));
  }

 private:
  Body& body_;
  DType type_;
};

// (e^r - 1 - r) / r^2 on |r| <= 0.35
constexpr std::array kExpF32 = {0.5000000014281446, 0.16666573400056606, 0.041666456872329678, 0.0083637696143444799,
                                0.0013934534245655706};
constexpr std::array kExpF64 = {0.49999999999999983,    0.16666666666666788,    0.041666666666653321,   0.0083333333331718981,
                                0.0013888888898109346,  0.00019841270517150547, 2.480156428913403e-05,  2.7556091800578805e-06,
                                2.7580603864545706e-07, 2.6057590949582633e-08, 1.2756040282051417e-09, -2.8800063930914421e-09};

// e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2; 2^n in two factors, so that denormal results and
// n = 128 are reached without a special case.
ExprId exp(const Math& m, ExprId x) {
  bool d = m.is_double();
  x = m(Fn::kMin, m(Fn::kMax, x, m.number(d ? -746 : -104)), m.number(d ? 710 : 89));
  ExprId n = m(Fn::kRoundEven, m(Fn::kMul, x, m.number(1.4426950408889634)));
  ExprId r = m.fma(n, m.number(d ? -0.69314718055994529 : -0.693145751953125), x);
  r = m.fma(n, m.number(d ? -2.3190468138462996e-17 : -1.42860682030941723212e-6), r);
  ExprId p = m.polynomial(d ? std::span<const double>(kExpF64) : std::span<const double>(kExpF32), r);
  p = m(Fn::kAdd, m.fma(m(Fn::kMul, p, r), r, r), m.number(1));
  ExprId whole = m.cast(n, m.bits_type());
  ExprId half = m.integer(Fn::kShr, whole, m.bits(1));
  ExprId rest = m.integer(Fn::kSub, whole, half);
  return m(Fn::kMul, m(Fn::kMul, p, m.power_of_two(half)), m.power_of_two(rest));
}

// (log(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) - 1 <= f <= sqrt(2) - 1
constexpr std::array kLogF32 = {0.33333331188590026, -0.24999989084470237, 0.20000708093777761,
                                -0.16668476716083369, 0.14249909664994675, -0.12411130544754086,
                                0.11661902852479326, -0.1157070736908495, 0.071478856493063556};
// (log((1 + s) / (1 - s)) - 2s) / s^3 in s^2
constexpr std::array kLogF64 = {0.66666666666666663, 0.39999999999999775, 0.28571428571632579, 0.22222222193210536,
                                0.18181817134450839, 0.15385074125588485, 0.13299675434236988, 0.12767669146813013};

ExprId log_of_mantissa(const Math& m, ExprId f) {
  if (!m.is_double()) {
    ExprId f2 = m(Fn::kMul, f, f);
    ExprId p = m(Fn::kMul, m(Fn::kMul, m.polynomial(kLogF32, f), f), f2);
    return m.fma(m.number(-0.5), f2, p);
  }
  ExprId s = m(Fn::kDiv, f, m(Fn::kAdd, f, m.number(2)));
  ExprId z = m(Fn::kMul, s, s);
  ExprId tail = m(Fn::kMul, m(Fn::kMul, s, z), m.polynomial(kLogF64, z));
  // 2s - f, exactly enough: 2s = f - s f.
  return m.fma(m(Fn::kNeg, s), f, tail);
}

// log x = e ln 2 + log(1 + f), x = 2^e (1 + f).
ExprId log(const Math& m, ExprId x) {
  bool d = m.is_double();
  int64_t shift = d ? 52 : 23;
  ExprId tiny = m.test(Fn::kLt, x, m.number(d ? 2.2250738585072014e-308 : 1.17549435e-38));
  ExprId scaled = m.select(tiny, m(Fn::kMul, x, m.number(d ? 0x1p54 : 0x1p25)), x);
  ExprId b = m.as_bits(scaled);
  // The mantissa's bits from sqrt(1/2) up, so that 1 + f is around 1.
  ExprId from = m.bits(d ? 0x3fe6a09e667f3bcd : 0x3f3504f3);
  ExprId above = m.integer(Fn::kSub, b, from);
  ExprId e = m.integer(Fn::kShr, above, m.bits(shift));
  ExprId f = m(Fn::kSub, m.as_float(m.integer(Fn::kSub, b, m.integer(Fn::kShl, e, m.bits(shift)))), m.number(1));
  ExprId n = m(Fn::kSub, m.cast(e, m.type()), m.select(tiny, m.number(d ? 54 : 25), m.number(0)));
  ExprId tail = m.fma(n, m.number(d ? 2.3190468138462996e-17 : -2.12194440054690583e-4), log_of_mantissa(m, f));
  ExprId y = m(Fn::kAdd, m(Fn::kAdd, tail, f), m(Fn::kMul, n, m.number(d ? 0.69314718055994529 : 0.693359375)));
  double inf = INFINITY;
  y = m.select(m.test(Fn::kEq, x, m.number(inf)), x, y);
  y = m.select(m.test(Fn::kEq, x, m.number(0)), m.number(-inf), y);
  y = m.select(m.test(Fn::kLt, x, m.number(0)), m.number(NAN), y);
  return m.select(m.node(Fn::kIsNan, DType::kBool, {x}), x, y);
}

// (tanh(x) - x) / x^3 in x^2, |x| <= 0.625
constexpr std::array kTanhF32 = {-0.33333329099367137, 0.13332782238397392, -0.053852493536727296, 0.021003622432081263,
                                 -0.006104920526234737};
constexpr std::array kTanhF64 = {-0.33333333333333326,   0.1333333333333355,      -0.053968253968530625,  0.021869488555051459,
                                 -0.0088632361783508532, 0.0035921406631087317,   -0.0014559874558675247, 0.00059124843964050646,
                                 -0.00024572145082305035, 0.00012117108468046026, -9.919851782664736e-05, 0.00011092719943653452,
                                 -9.3558367419963555e-05, 3.7126085480069552e-05};

ExprId tanh(const Math& m, ExprId x) {
  ExprId a = m(Fn::kAbs, x);
  ExprId z = m(Fn::kMul, x, x);
  ExprId p = m.polynomial(m.is_double() ? std::span<const double>(kTanhF64) : std::span<const double>(kTanhF32), z);
  ExprId small = m.fma(m(Fn::kMul, p, z), x, x);
  ExprId e = exp(m, m(Fn::kMul, a, m.number(2)));
  ExprId large = m(Fn::kSub, m.number(1), m(Fn::kDiv, m.number(2), m(Fn::kAdd, e, m.number(1))));
  return m.select(m.test(Fn::kLt, a, m.number(0.625)), small, m.copy_sign(large, x));
}

// erf(x) / x in x^2, |x| <= 1
constexpr std::array kErfF32 = {1.1283791658815021,   -0.37612626903580315,    0.11283597463486425,  -0.026854328795992203,
                                0.0051893119425346947, -0.00080188549913917683, 7.8824971053252825e-05};
constexpr std::array kErfF64 = {1.1283791670955123,      -0.37612638903184142,   0.11283791670982748,    -0.026866170652324526,
                                0.0052239777169546678,   -0.00085483337593694406, 0.00012055645507013106, -1.4935216222311816e-05,
                                1.6659313158564763e-06,  -1.9102795495435745e-07, 3.9729340521156106e-08, -1.5091839411118362e-08,
                                3.9308878825366915e-09,  -6.9872729835809779e-11, -1.5320226088697632e-10};
// log erfc(t), 1 <= t <= 4
constexpr std::array kLogErfcF32 = {0.00030382240079873668, -1.1301689655555545,    -0.6319334516137538,
                                    -0.10998145139615904,   0.02636642916379494,    -0.0047407909554002441,
                                    0.00059288452033047631, -4.5603588529371718e-05, 1.6146870088960877e-06};
// erfc(t) e^(t^2) in 1 / (t + 2), 1 <= t <= 6
constexpr std::array kErfcxF64 = {3.1311289641622331e-07, 0.56416360383921282, 1.1293887613477884,  1.9502441471957646,
                                  3.232986401346277,      -2.4720383075789147, 49.20735426699764,   -380.91641565190412,
                                  2236.0153558879279,     -10897.155798497222, 42666.201066541151,  -134492.65804451422,
                                  341616.98703760328,     -689417.52201075293, 1076033.0554286842,  -1247944.3881150451,
                                  1010285.4982697215,     -509055.65054595651, 120168.34479421221};

ExprId erfc_of_large(const Math& m, ExprId t) {
  if (!m.is_double()) return exp(m, m.polynomial(kLogErfcF32, m(Fn::kMin, t, m.number(4))));
  t = m(Fn::kMin, t, m.number(6));
  ExprId u = m(Fn::kDiv, m.number(1), m(Fn::kAdd, t, m.number(2)));
  return m(Fn::kMul, m.polynomial(kErfcxF64, u), exp(m, m(Fn::kNeg, m(Fn::kMul, t, t))));
}

ExprId erf(const Math& m, ExprId x) {
  ExprId a = m(Fn::kAbs, x);
  ExprId z = m(Fn::kMul, x, x);
  ExprId small = m(Fn::kMul, x, m.polynomial(m.is_double() ? std::span<const double>(kErfF64) : std::span<const double>(kErfF32), z));
  ExprId large = m(Fn::kSub, m.number(1), erfc_of_large(m, a));
  return m.select(m.test(Fn::kLt, a, m.number(1)), small, m.copy_sign(large, x));
}

// (sin r / r - 1) / r^2 and (cos r - 1 + r^2 / 2) / r^4 in r^2, |r| <= pi / 4
constexpr std::array kSinF32 = {-0.16666666663855342, 0.0083333318744618825, -0.00019840086513601965, 2.7249889472437981e-06};
constexpr std::array kSinF64 = {-0.16666666666666663,   0.0083333333333333193,  -0.00019841269841259018, 2.7557319207278519e-06,
                                -2.5052097678576457e-08, 1.6056123497966581e-10, -7.2982515050401942e-13, -1.1932621832103281e-14};
constexpr std::array kCosF32 = {0.041666666664320916, -0.0013888887671712636, 2.4800600150165471e-05, -2.7300924354740265e-07};
constexpr std::array kCosF64 = {0.041666666666666664,   -0.0013888888888888755,  2.4801587301090839e-05, -2.7557318676400904e-07,
                                2.0876481235818234e-09, -1.1400751266910169e-11, -3.9302771297201188e-14, 4.2066858172409863e-14};

// x = n pi/2 + r, reduced in f64: exact enough for |x| up to 2^30; beyond, the phase is lost gradually.
ExprId sine(const Math& m, ExprId x, int64_t quarter, Body& body) {
  Math wide(body, DType::kF64);
  ExprId w = m.is_double() ? x : m.cast(x, DType::kF64);
  ExprId n = wide(Fn::kRoundEven, wide(Fn::kMul, w, wide.number(0.63661977236758134)));
  ExprId r = wide.fma(n, wide.number(-1.5707963267948966), w);
  r = wide.fma(n, wide.number(-6.123233995736766e-17), r);
  ExprId k = wide.integer(Fn::kAdd, wide.cast(n, DType::kI64), wide.bits(quarter));
  if (!m.is_double()) r = m.cast(r, m.type());
  ExprId z = m(Fn::kMul, r, r);
  std::span<const double> ps = kSinF64, pc = kCosF64;
  if (!m.is_double()) {
    ps = kSinF32;
    pc = kCosF32;
  }
  ExprId s = m.fma(m(Fn::kMul, m.polynomial(ps, z), z), r, r);
  ExprId c = m.fma(m(Fn::kMul, m.polynomial(pc, z), z), z, m.fma(m.number(-0.5), z, m.number(1)));
  auto bit = [&](int64_t b) { return wide.test(Fn::kNe, wide.integer(Fn::kAnd, k, wide.bits(b)), wide.bits(0)); };
  ExprId y = m.select(bit(1), c, s);
  return m.select(bit(2), m(Fn::kNeg, y), y);
}

// |x|^y = e^(y log|x|) in f64, then the signs and the special cases of IEEE's pow.
ExprId pow(const Math& m, ExprId x, ExprId y, Body& body) {
  Math w(body, DType::kF64);
  ExprId a = m.is_double() ? x : m.cast(x, DType::kF64);
  ExprId b = m.is_double() ? y : m.cast(y, DType::kF64);
  ExprId magnitude = exp(w, w(Fn::kMul, b, log(w, w(Fn::kAbs, a))));
  ExprId half = w(Fn::kMul, b, w.number(0.5));
  ExprId whole = w.test(Fn::kEq, w(Fn::kTrunc, b), b);
  ExprId even = w.test(Fn::kEq, w(Fn::kTrunc, half), half);
  ExprId negative = w.node(Fn::kAnd, DType::kBool, {w.test(Fn::kLt, a, w.number(0)), w.node(Fn::kNot, DType::kBool, {even})});
  ExprId signed_value = w.select(negative, w(Fn::kNeg, magnitude), magnitude);
  ExprId fraction = w.node(Fn::kAnd, DType::kBool, {w.test(Fn::kLt, a, w.number(0)), w.node(Fn::kNot, DType::kBool, {whole})});
  // An infinite base has a real power whatever the exponent.
  ExprId finite = w.test(Fn::kGt, a, w.number(-INFINITY));
  ExprId result = w.select(w.node(Fn::kAnd, DType::kBool, {fraction, finite}), w.number(NAN), signed_value);
  ExprId one = w.node(Fn::kOr, DType::kBool, {w.test(Fn::kEq, b, w.number(0)), w.test(Fn::kEq, a, w.number(1))});
  result = w.select(one, w.number(1), result);
  return m.is_double() ? result : m.cast(result, m.type());
}

ExprId sigmoid(const Math& m, ExprId x) {
  return m(Fn::kDiv, m.number(1), m(Fn::kAdd, m.number(1), exp(m, m(Fn::kNeg, x))));
}

std::optional<ExprId> expansion(Body& body, const Expr& e) {
  Math m(body, e.type);
  const Vec<ExprId>& a = e.args;
  if (e.fn == Fn::kExp) return exp(m, a[0]);
  if (e.fn == Fn::kLog) return log(m, a[0]);
  if (e.fn == Fn::kTanh) return tanh(m, a[0]);
  if (e.fn == Fn::kErf) return erf(m, a[0]);
  if (e.fn == Fn::kSin) return sine(m, a[0], 0, body);
  if (e.fn == Fn::kCos) return sine(m, a[0], 1, body);
  if (e.fn == Fn::kPow) return pow(m, a[0], a[1], body);
  if (e.fn == Fn::kSigmoid) return sigmoid(m, a[0]);
  return std::nullopt;
}

}  // namespace

void expand_math(Body& body, Vec<ExprId>& roots) {
  Body out;
  Vec<ExprId> place(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    Expr e = body[i];
    for (ExprId& a : e.args) a = place[a.index];
    std::optional<ExprId> expanded = expansion(out, e);
    place[i] = expanded ? *expanded : add(out, std::move(e));
  }
  body = std::move(out);
  for (ExprId& r : roots) r = place[r.index];
}

}  // namespace rlx
