// Expansions of transcendentals against libm in long double.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "kernel/eval.h"
#include "kernel/functions.h"

namespace rlx {
namespace {

template <class T>
constexpr DType kType = sizeof(T) == 4 ? DType::kF32 : DType::kF64;

// fn expanded, run on strips as the interpreter does.
template <class T>
class Expansion {
 public:
  explicit Expansion(Fn fn) {
    Expr e{.fn = fn, .type = kType<T>};
    for (int i = 0; i < arity(fn); ++i) {
      e.args.push_back(
          add(body_, {.fn = Fn::kLoad, .type = kType<T>, .index = static_cast<uint32_t>(i)}));
    }
    roots_ = {add(body_, e)};
    expand_math(body_, roots_);
  }

  Vec<T> operator()(const Vec<T>& x, const Vec<T>& y = {}) {
    Vec<Vec<std::byte>> values(body_.size());
    for (size_t i = 0; i < body_.size(); ++i) values[i] = value(body_[i], x, y, values);
    Vec<T> out(x.size());
    std::memcpy(out.data(), values[roots_[0].index].data(), x.size() * sizeof(T));
    return out;
  }
  T operator()(T x, T y = 0) { return (*this)(Vec<T>{x}, Vec<T>{y})[0]; }

  const Body& body() const { return body_; }

 private:
  Vec<std::byte> value(const Expr& e, const Vec<T>& x, const Vec<T>& y,
                       const Vec<Vec<std::byte>>& values) const {
    Vec<std::byte> out(x.size() * 8);
    if (e.fn == Fn::kLoad) {
      std::memcpy(out.data(), (e.index == 0 ? x : y).data(), x.size() * sizeof(T));
      return out;
    }
    if (e.fn == Fn::kConst) {
      auto size = static_cast<size_t>(size_of(e.type));
      for (size_t i = 0; i < x.size(); ++i) to_bytes(e.scalar, out.data() + i * size);
      return out;
    }
    Vec<const std::byte*> args;
    for (ExprId a : e.args) args.push_back(values[a.index].data());
    DType operand = body_[e.args.back().index].type;
    eval(e.fn, operand, e.type, args, out.data(), static_cast<int64_t>(x.size()));
    return out;
  }

  Body body_;
  Vec<ExprId> roots_;
};

// The last place of a result, as if denormals were the rule below the least normal number.
template <class T>
long double last_place(long double exact) {
  int exponent;
  std::frexp(exact, &exponent);
  int digits = std::numeric_limits<T>::digits;
  return std::ldexp(1.0L, std::max(exponent, std::numeric_limits<T>::min_exponent) - digits);
}

template <class T>
bool is_same(T got, long double exact) {
  return std::isnan(exact) ? std::isnan(got) : got == static_cast<T>(exact);
}

// Arguments of every magnitude in [low, high], and as many evenly spread.
template <class T>
Vec<T> samples(double low, double high, size_t count) {
  std::mt19937_64 random(3);
  Vec<T> x{static_cast<T>(low), static_cast<T>(high)};
  auto keep = [&](double v) {
    if (v >= low && v <= high) x.push_back(static_cast<T>(v));
  };
  for (size_t i = 0; i < count; ++i) {
    double fraction = static_cast<double>(random() >> 11) * 0x1p-53;
    keep(low + (high - low) * fraction);
    int exponent = static_cast<int>(random() % 200) - 140;
    double of_magnitude = std::ldexp(1 + fraction, sizeof(T) == 4 ? exponent : exponent * 6);
    keep(of_magnitude);
    keep(-of_magnitude);
  }
  return x;
}

template <class T>
void check_bound(Fn fn, long double (*exact)(long double), double low, double high, double bound) {
  Vec<T> x = samples<T>(low, high, 40000);
  Vec<T> got = Expansion<T>(fn)(x);
  double worst = 0;
  T at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    long double want = exact(x[i]);
    if (std::isinf(static_cast<T>(want))) {
      REQUIRE(is_same(got[i], want));
      continue;
    }
    auto error = static_cast<double>(std::fabs(got[i] - want) / last_place<T>(want));
    if (!(error <= worst)) worst = error, at = x[i];
  }
  INFO(name(fn) << " of " << sizeof(T) * 8 << " bits is off by " << worst << " at " << at);
  CHECK(worst <= bound);
}

long double sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }

constexpr double kInf = INFINITY;

}  // namespace

TEST_CASE("errors of f32 functions") {
  check_bound<float>(macro::kExp, std::exp, -200, 200, 1.0);
  check_bound<float>(macro::kLog, std::log, 0x1p-149, 3e38, 1.5);
  check_bound<float>(macro::kTanh, std::tanh, -1e30, 1e30, 3.0);
  check_bound<float>(macro::kTanh, std::tanh, -10, 10, 3.0);
  check_bound<float>(macro::kErf, std::erf, -1e30, 1e30, 3.5);
  check_bound<float>(macro::kErf, std::erf, -4.5, 4.5, 3.5);
  check_bound<float>(macro::kSigmoid, sigmoid, -200, 200, 3.0);
  check_bound<float>(macro::kAsinh, std::asinh, -3e38, 3e38, 2.5);
  check_bound<float>(macro::kAcosh, std::acosh, 1, 3e38, 3.0);
  check_bound<float>(macro::kAtanh, std::atanh, -1, 1, 2.5);
  check_bound<float>(macro::kAsin, std::asin, -1, 1, 1.5);
  check_bound<float>(macro::kAcos, std::acos, -1, 1, 1.5);
  check_bound<float>(macro::kAtan, std::atan, -3e38, 3e38, 1.5);
  check_bound<float>(macro::kSin, std::sin, -3e38, 3e38, 2.5);
  check_bound<float>(macro::kCos, std::cos, -3e38, 3e38, 2.5);
  check_bound<float>(macro::kSin, std::sin, -1e5, 1e5, 2.5);
  check_bound<float>(macro::kCos, std::cos, -20, 20, 2.5);
}

TEST_CASE("errors of f64 functions") {
  check_bound<double>(macro::kExp, std::exp, -800, 800, 1.0);
  check_bound<double>(macro::kLog, std::log, 0x1p-1074, 1e300, 1.5);
  check_bound<double>(macro::kTanh, std::tanh, -25, 25, 3.0);
  check_bound<double>(macro::kErf, std::erf, -7, 7, 2.0);
  check_bound<double>(macro::kSigmoid, sigmoid, -800, 800, 3.0);
  check_bound<double>(macro::kAsinh, std::asinh, -1e308, 1e308, 2.5);
  check_bound<double>(macro::kAcosh, std::acosh, 1, 1e308, 3.0);
  check_bound<double>(macro::kAtanh, std::atanh, -1, 1, 2.5);
  check_bound<double>(macro::kAsin, std::asin, -1, 1, 1.5);
  check_bound<double>(macro::kAcos, std::acos, -1, 1, 1.5);
  check_bound<double>(macro::kAtan, std::atan, -1e308, 1e308, 1.5);
  check_bound<double>(macro::kSin, std::sin, -1e308, 1e308, 2.5);
  check_bound<double>(macro::kCos, std::cos, -100, 100, 2.5);
}

TEMPLATE_TEST_CASE("special values", "", float, double) {
  auto of = [](Fn fn, double x) {
    return static_cast<double>(Expansion<TestType>(fn)(static_cast<TestType>(x)));
  };
  for (Fn fn : {macro::kExp, macro::kLog, macro::kTanh, macro::kErf, macro::kSigmoid, macro::kSin,
                macro::kCos}) {
    CHECK(std::isnan(of(fn, NAN)));
    CHECK(std::isnan(of(fn, -NAN)));
  }
  CHECK(of(macro::kExp, kInf) == kInf);
  CHECK(of(macro::kExp, -kInf) == 0);
  CHECK(of(macro::kExp, 0) == 1);
  CHECK(of(macro::kExp, -0.0) == 1);
  CHECK(of(macro::kExp, -1e4) == 0);
  CHECK(of(macro::kLog, kInf) == kInf);
  CHECK(of(macro::kLog, 0) == -kInf);
  CHECK(of(macro::kLog, -0.0) == -kInf);
  CHECK(of(macro::kLog, 1) == 0);
  CHECK(std::isnan(of(macro::kLog, -1)));
  CHECK(std::isnan(of(macro::kLog, -kInf)));
  for (Fn fn : {macro::kTanh, macro::kErf}) {
    CHECK(of(fn, kInf) == 1);
    CHECK(of(fn, -kInf) == -1);
    CHECK(of(fn, -0.5) == -of(fn, 0.5));
  }
  for (Fn fn : {macro::kTanh, macro::kErf, macro::kSin}) {
    CHECK((of(fn, -0.0) == 0 && std::signbit(of(fn, -0.0))));
    CHECK_FALSE(std::signbit(of(fn, 0.0)));
  }
  CHECK(of(macro::kSigmoid, kInf) == 1);
  CHECK(of(macro::kSigmoid, -kInf) == 0);
  CHECK(of(macro::kSigmoid, 0) == 0.5);
  CHECK(of(macro::kCos, 0) == 1);
  for (Fn fn : {macro::kSin, macro::kCos}) {
    CHECK(std::isnan(of(fn, kInf)));
    CHECK(std::isnan(of(fn, -kInf)));
    CHECK(std::fabs(of(fn, 1e30)) <= 1);
  }
}

TEST_CASE("exp goes down to the last denormal, and up to infinity") {
  Expansion<float> exp(macro::kExp);
  CHECK(exp(88.72283F) < kInf);
  CHECK(exp(88.72284F) == kInf);
  CHECK(exp(-103.9F) == 0x1p-149F);
  CHECK(exp(-104.0F) == 0);
  CHECK_FALSE(std::signbit(exp(-1000.0F)));
}

TEST_CASE("no result is beyond the function's limit") {
  for (Fn fn : {macro::kTanh, macro::kErf, macro::kSigmoid, macro::kSin}) {
    Vec<float> x = samples<float>(-12, 12, 100000);
    for (float y : Expansion<float>(fn)(x)) REQUIRE(std::fabs(y) <= 1);
  }
}

TEST_CASE("pow") {
  Expansion<float> pow(macro::kPow);
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> exponent(-30, 30), power(-8, 8);
  Vec<float> x, y;
  for (int i = 0; i < 50000; ++i) {
    x.push_back(static_cast<float>(std::exp2(exponent(random))));
    y.push_back(static_cast<float>(i % 3 == 0 ? std::round(power(random)) : power(random)));
    if (i % 3 == 0 && i % 2 == 0) x.back() = -x.back();
  }
  Vec<float> got = pow(x, y);
  for (size_t i = 0; i < x.size(); ++i) {
    long double want = std::pow(static_cast<long double>(x[i]), static_cast<long double>(y[i]));
    INFO(x[i] << " ^ " << y[i]);
    if (std::isinf(static_cast<float>(want))) {
      REQUIRE(is_same(got[i], want));
    } else {
      REQUIRE(std::fabs(got[i] - want) <= 1.5L * last_place<float>(want));
    }
  }
}

TEMPLATE_TEST_CASE("special values of pow", "", float, double) {
  Expansion<TestType> pow(macro::kPow);
  const double values[] = {0.0,  -0.0, 1.0,  -1.0, 2.0,  -2.0,  0.5,
                           -0.5, 3.0,  -3.0, 1e30, kInf, -kInf, NAN};
  for (double x : values) {
    for (double y : values) {
      auto got = pow(static_cast<TestType>(x), static_cast<TestType>(y));
      auto want = std::pow(static_cast<TestType>(x), static_cast<TestType>(y));
      INFO(x << " ^ " << y << " = " << want << ", not " << got);
      if (std::isfinite(want) && want != 0) {
        CHECK(got == Approx(want).epsilon(1e-13));
      } else {
        CHECK(is_same(got, want));
        if (!std::isnan(want)) CHECK(std::signbit(got) == std::signbit(want));
      }
    }
  }
}

TEST_CASE("expansions have no macros, and constants fold through them") {
  for (int i = 0; i < kFnCount; ++i) {
    Fn fn = static_cast<Fn>(i);
    if (!is_macro(fn)) continue;
    Expansion<float> expansion(fn);
    for (const Expr& e : expansion.body()) CHECK_FALSE(is_macro(e.fn));
  }
  Body body;
  ExprId two = add_const(body, Scalar::of(DType::kF32, 2));
  Vec<ExprId> roots{add(body, {.fn = macro::kExp, .type = DType::kF32, .args = {two}})};
  expand_math(body, roots);
  const Expr& folded = body[roots[0].index];
  CHECK(folded.fn == Fn::kConst);
  CHECK(static_cast<float>(folded.scalar.f) == Expansion<float>(macro::kExp)(2.0F));
}

}  // namespace rlx
