// Sine, cosine and tangent of any number: x = n pi / 2 + r with |r| <= pi / 4, then polynomials.
#include <array>

#include "kernel/expr_math.h"

namespace rlx::macro {
namespace {

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

// What is left of x, of its type, and n's last bits.
struct Turned {
  Real r;
  Real quadrant;
};

// ---- Up to 2^45: Cody and Waite's reduction -----------------------------------------------------

// In f64, where every n below 2^51 is an integer and x - n kHalfPi[0] is exact.
Turned turned_near(Real x) {
  Real w = x.cast(DType::kF64);
  // Its last place is 1, so that n stands in its low bits.
  constexpr double kRounder = 0x1.8p52;
  const Real shifted = fma(w, 0.63661977236758134, kRounder);
  const Real n = shifted - kRounder;
  for (const double part : kHalfPi) w = fma(n, -part, w);
  return {w.cast(x.type()), shifted.bitcast(DType::kI64)};
}

// ---- Beyond: Payne and Hanek's, in integers -----------------------------------------------------

// The bits of 2 / pi behind the point, after 64 bits of 0.
constexpr std::array<uint64_t, 20> kTwoOverPi{0,
                                              0xa2f9836e4e441529,
                                              0xfc2757d1f534ddc0,
                                              0xdb6295993c439041,
                                              0xfe5163abdebbc561,
                                              0xb7246e3a424dd2e0,
                                              0x06492eea09d1921c,
                                              0xfe1deb1cb129a73e,
                                              0xe88235f52ebb4484,
                                              0xe99c7026b45f7e41,
                                              0x3991d639835339f4,
                                              0x9c845f8bbdf9283b,
                                              0x1ff897ffde05980f,
                                              0xef2f118b5a0a6d1f,
                                              0x6d367ecf27cb09b7,
                                              0x4f463f669e5fea2d,
                                              0x7527bac7ebe5f17b,
                                              0x3d0739f78a5292ea,
                                              0x6bfb5fb11f8d5d08,
                                              0x56033046fc7b6bab};

Real operator>>(Real a, Real n) { return a.apply(Fn::kShr, n); }
Real operator<<(Real a, Real n) { return a.apply(Fn::kShl, n); }

// A number of 64 bits without sign.
Real bits64(Real like, uint64_t value) {
  return {like.body,
          add_const(*like.body, Scalar::of_int(DType::kU64, static_cast<int64_t>(value)))};
}

Real low_half(Real a) { return a & bits64(a, 0xffffffff); }

// The high 64 bits of the product of 64 bits each.
Real high_product(Real a, Real b) {
  const Real a_high = a >> 32, b_high = b >> 32;
  const Real low = low_half(a), b_low = low_half(b);
  const Real first = (low * b_low) >> 32;
  const Real second = a_high * b_low + first;
  const Real third = low * b_high + low_half(second);
  return a_high * b_high + (second >> 32) + (third >> 32);
}

// 64 bits of 2 / pi, and those behind them, from a bit on that x's exponent says.
class Window {
 public:
  // The first bit is one of words [least, most].
  Window(Real first_bit, int64_t least, int64_t most)
      : word_(first_bit >> 6), shift_(first_bit & bits64(first_bit, 63)), least_(least) {
    for (int64_t i = least + 1; i <= most; ++i) {
      is_word_.push_back(word_.test(Fn::kEq, bits64(word_, static_cast<uint64_t>(i))));
    }
  }

  Real bits(size_t i) const {
    const Real low = (word(i + 1) >> 1) >> (bits64(shift_, 63) - shift_);
    return (word(i) << shift_) | low;
  }

 private:
  Real word(size_t i) const {
    auto at = [&](size_t k) {
      return bits64(word_, kTwoOverPi[static_cast<size_t>(least_) + k + i]);
    };
    Real chosen = at(0);
    for (size_t k = 0; k < is_word_.size(); ++k) chosen = select(is_word_[k], at(k + 1), chosen);
    return chosen;
  }

  Real word_, shift_;
  int64_t least_;
  Vec<Real> is_word_;
};

// A fraction of pi / 2, as 2^62 times that and 2^-64 of those units.
struct Fraction {
  Real high;
  Real low;
};

// x = m 2^e with an integer m; m 2^e 2 / pi mod 4, in fixed point with 62 bits behind the point and 64
// more.
Fraction quarters(Real x, Real m, Real exponent) {
  // Bit e - 2 of 2 / pi is worth 2 quarters.
  const Real first = (exponent + exponent.whole(62)).bitcast(DType::kU64);
  // An f32 of 2^45 and more has e from 22 to 104, an f64 from -7 to 971.
  const Window window = x.is_wide() ? Window(first, 0, 16) : Window(first, 1, 2);
  if (!x.is_wide()) {
    const Real low = m * (window.bits(1) >> 32);
    return {m * window.bits(0) + (low >> 32), low << 32};
  }
  const Real middle = m * window.bits(1);
  const Real low = middle + high_product(m, window.bits(2));
  const Real carry = select(low.test(Fn::kLt, middle), bits64(m, 1), bits64(m, 0));
  return {m * window.bits(0) + high_product(m, window.bits(1)) + carry, low};
}

// pi / 2 times a fraction in fixed point with its sign, in f64.
Real radians(Fraction f) {
  constexpr double kUnit = 0x1p-62;
  const Real high = f.high.cast(DType::kF64);
  Real rest = (f.high - high.cast(DType::kI64)).cast(DType::kF64);
  rest = fma(f.low.cast(DType::kF64), 0x1p-64, rest);
  const Real unit = high.number(kHalfPi[0] * kUnit);
  const Real product = high * unit;
  const Real error = fma(high, unit, -product);
  return product + (fma(high, kHalfPi[1] * kUnit, error) + rest * unit);
}

Turned turned_far(Real x) {
  const Real w = x.cast(DType::kF64);
  const Real bits = abs(w).bitcast(DType::kI64);
  Real m = (bits & bits.whole((int64_t{1} << 52) - 1)) | bits.whole(int64_t{1} << 52);
  Real exponent = (bits >> 52) - bits.whole(1023 + 52);
  if (!x.is_wide()) m = m >> 29, exponent = exponent + exponent.whole(29);
  Fraction f = quarters(x, m.bitcast(DType::kU64), exponent);
  const Real quadrant = (f.high + bits64(f.high, uint64_t{1} << 61)) >> 62;
  f.high = (f.high - (quadrant << 62)).bitcast(DType::kI64);
  // Infinity and NaN have no place on the circle.
  const Real r = fma(w, 0, radians(f));
  const Real negative = w < 0;
  const Real n = quadrant.bitcast(DType::kI64);
  return {select(negative, -r, r).cast(x.type()), select(negative, -n, n)};
}

// ---- Functions ----------------------------------------------------------------------------------

Real sine_of_rest(Real r) {
  const Real z = r * r;
  // A product, as a sum would make 0 of -0.
  return r * fma(z, polynomial(z, r.pick(kSinF32, kSinF64)), 1);
}

Real cosine_of_rest(Real r) {
  const Real z = r * r;
  return fma(z * z, polynomial(z, r.pick(kCosF32, kCosF64)), fma(z, -0.5, 1));
}

Real has_bit(Real quadrant, int64_t bit) {
  return !((quadrant & quadrant.whole(bit)) == quadrant.whole(0));
}

// sin(x + quarters * pi / 2)
Real sine(Turned x, int64_t quarters) {
  const Real n = x.quadrant + x.quadrant.whole(quarters);
  const Real y = select(has_bit(n, 1), cosine_of_rest(x.r), sine_of_rest(x.r));
  return select(has_bit(n, 2), -y, y);
}

Real tangent(Turned x) {
  const Real s = sine_of_rest(x.r), c = cosine_of_rest(x.r);
  const Real odd = has_bit(x.quadrant, 1);
  return select(odd, -c, s) / select(odd, s, c);
}

// Most numbers are near: a backend may skip what only the first choice needs.
Real near_or_far(Real x, Real (*of)(Turned)) {
  const Real far = !(abs(x) < 0x1p45);
  return select(far, of(turned_far(x)), of(turned_near(x)));
}

}  // namespace

Real sin(Real x) {
  return near_or_far(x, [](Turned t) { return sine(t, 0); });
}

Real cos(Real x) {
  return near_or_far(x, [](Turned t) { return sine(t, 1); });
}

Real tan(Real x) {
  return near_or_far(x, [](Turned t) { return tangent(t); });
}

}  // namespace rlx::macro
