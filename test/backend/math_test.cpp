// The stated error of every scalar function (kernel/functions.def, op/elementwise.h) against libm, compiled
// and interpreted, which give the same bits. `test_backend "[every]"` takes every f32 there is and many an
// f64, and prints what it found; the others take a seeded sample.
#include <atomic>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <numbers>
#include <random>
#include <set>
#include <thread>

#include "kernel/builder.h"
#include "kernel/functions.h"
#include "op/celu.h"
#include "op/elementwise.h"
#include "op/elu.h"
#include "op/hard_sigmoid.h"
#include "op/leaky_relu.h"
#include "op/selu.h"
#include "test/backend/program.h"
#include "test/oracle/run.h"

namespace rlx::test {
namespace {

struct Row {
  std::string node;
  double f32, f64;
  // In f64 for f32, in f80 for f64.
  double (*exact)(double);
  long double (*exact_long)(long double);
};

double stated(const std::string& name) {
  for (const ElementwiseRow& row : elementwise_rows()) {
    if (row.name == name) return row.ulp;
  }
  FAIL("no row " + name);
  return 0;
}

template <class F>
Row macro(const std::string& node, Fn fn, F exact) {
  return {node, function_of(fn).ulp_f32, function_of(fn).ulp_f64, exact, exact};
}

template <class F>
Row row(const std::string& name, F exact) {
  return {name + "(%x)", stated(name), stated(name), exact, exact};
}

template <class F>
Row op(const std::string& node, double ulp, F exact) {
  return {node, ulp, ulp, exact, exact};
}

template <class T>
T log1p_exp(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

template <class T>
T exact_mish(T x) {
  T e = std::exp(-std::fabs(x));
  if (x < 0) return x * (e * (e + 2) / (e * (e + 2) + 2));
  return x * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e));
}

template <class T>
T exact_gelu_tanh(T x) {
  using std::numbers::pi_v;
  T v = 2 * std::sqrt(2 / pi_v<T>) * (x + T(0.044715L) * x * x * x);
  if (x >= 0) return x / (1 + std::exp(-v));
  return x * std::exp(v) / (1 + std::exp(v));
}

Vec<Row> rows() {
  return {
      macro("exp(%x)", macro::kExp, [](auto x) { return std::exp(x); }),
      macro("log(%x)", macro::kLog, [](auto x) { return std::log(x); }),
      macro("tanh(%x)", macro::kTanh, [](auto x) { return std::tanh(x); }),
      macro("erf(%x)", macro::kErf, [](auto x) { return std::erf(x); }),
      macro("sin(%x)", macro::kSin, [](auto x) { return std::sin(x); }),
      macro("cos(%x)", macro::kCos, [](auto x) { return std::cos(x); }),
      macro("tan(%x)", macro::kTan, [](auto x) { return std::tan(x); }),
      macro("sinh(%x)", macro::kSinh, [](auto x) { return std::sinh(x); }),
      macro("cosh(%x)", macro::kCosh, [](auto x) { return std::cosh(x); }),
      macro("asinh(%x)", macro::kAsinh, [](auto x) { return std::asinh(x); }),
      macro("acosh(%x)", macro::kAcosh, [](auto x) { return std::acosh(x); }),
      macro("atanh(%x)", macro::kAtanh, [](auto x) { return std::atanh(x); }),
      macro("asin(%x)", macro::kAsin, [](auto x) { return std::asin(x); }),
      macro("acos(%x)", macro::kAcos, [](auto x) { return std::acos(x); }),
      macro("atan(%x)", macro::kAtan, [](auto x) { return std::atan(x); }),
      macro(
          "sigmoid(%x)", macro::kSigmoid,
          [](auto x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }),
      macro("softplus(%x)", macro::kSoftplus, [](auto x) { return log1p_exp(x); }),
      macro("mish(%x)", macro::kMish, [](auto x) { return exact_mish(x); }),
      macro("gelu(%x)", macro::kGelu,
            [](auto x) {
              using T = decltype(x);
              return x * (std::erfc(-x * std::sqrt(T(0.5))) * T(0.5));
            }),
      macro("gelu(%x) {approximate = \"tanh\"}", macro::kGeluTanh,
            [](auto x) { return exact_gelu_tanh(x); }),
      // x^1 of f64 has more digits than the general way would give.
      macro("elu(%x)", macro::kExpm1, [](auto x) { return x < 0 ? std::expm1(x) : x; }),
      op("elu(%x) {alpha = 0.75}", ops::Elu::ulp,
         [](auto x) {
           using T = decltype(x);
           return x < 0 ? T(0.75) * std::expm1(x) : x;
         }),
      op("celu(%x) {alpha = 0.75}", ops::Celu::ulp,
         [](auto x) {
           using T = decltype(x);
           return x < 0 ? T(0.75) * std::expm1(x / T(0.75)) : x;
         }),
      op("selu(%x)", ops::Selu::ulp,
         [](auto x) {
           using T = decltype(x);
           const T gamma = T(ops::Selu{}.gamma), alpha = T(ops::Selu{}.alpha);
           return gamma * (x > 0 ? x : alpha * std::expm1(x));
         }),
      op("hard_sigmoid(%x)", ops::HardSigmoid::ulp,
         [](auto x) {
           using T = decltype(x);
           const T y = std::fma(T(0.2F), x, T(0.5));
           return y > 1 ? T(1) : y < 0 ? T(0) : y;
         }),
      op("leaky_relu(%x)", ops::LeakyRelu::ulp,
         [](auto x) {
           using T = decltype(x);
           return x < 0 ? x * T(0.01F) : x;
         }),
      row("abs", [](auto x) { return std::fabs(x); }),
      row("ceil", [](auto x) { return std::ceil(x); }),
      row("floor", [](auto x) { return std::floor(x); }),
      row("round", [](auto x) { return std::nearbyint(x); }),
      row("reciprocal", [](auto x) { return 1 / x; }),
      row("sqrt", [](auto x) { return std::sqrt(x); }),
      row("softsign", [](auto x) { return x / (1 + std::fabs(x)); }),
      row("hard_swish",
          [](auto x) {
            using T = decltype(x);
            const T gate = (x + 3) / 6;
            return x * (gate > 1 ? T(1) : gate < 0 ? T(0) : gate);
          }),
  };
}

// The reference rounds too.
constexpr double kReference = 1e-3;

// ---- Errors -------------------------------------------------------------------------------------

// In last places of T, those of subnormals being that of the least normal number; infinity where NaN,
// or the sign of an exact 0, is missing. An infinity counts as the first number beyond the range.
template <class T, class Wide>
double error_of(T got, Wide want) {
  constexpr int kDigits = std::numeric_limits<T>::digits;
  if (std::isnan(want) || std::isnan(got)) {
    return std::isnan(want) && std::isnan(got) ? 0 : INFINITY;
  }
  if (want == 0 && (got != 0 || std::signbit(got) != std::signbit(want))) return INFINITY;
  const Wide beyond = std::ldexp(Wide(1), std::numeric_limits<T>::max_exponent);
  const auto limited = [&](Wide v) { return v > beyond ? beyond : v < -beyond ? -beyond : v; };
  const Wide w = limited(want);
  int exponent = 0;
  std::frexp(w, &exponent);
  exponent = std::clamp(exponent, std::numeric_limits<T>::min_exponent,
                        std::numeric_limits<T>::max_exponent);
  return static_cast<double>(std::fabs(limited(got) - w) * std::ldexp(Wide(1), kDigits - exponent));
}

double error_of(const Row& r, float x, float got) { return error_of(got, r.exact(x)); }
double error_of(const Row& r, double x, double got) {
  return error_of(got, r.exact_long(static_cast<long double>(x)));
}

template <class T>
struct Worst {
  double error = 0;
  T at = 0;

  void take(double e, T x) {
    if (!(e <= error)) error = e, at = x;
  }
};

// One operator as a kernel over a vector, both ways.
template <class T>
class Function {
 public:
  static constexpr int64_t kCount = 1 << 16;

  explicit Function(const Row& r)
      : row_(r), kernel_(kernel_of(r.node)), program_(kernel_, *parse_target("host")) {
    buffers_.emplace_back(kCount * sizeof(T));
    buffers_.emplace_back(kCount * sizeof(T));
  }

  // Takes in the errors of the arguments, and what the interpreter gives otherwise.
  void measure(const Vec<T>& x, Worst<T>& worst, int64_t& differ) {
    std::memcpy(buffers_[0].data(), x.data(), x.size() * sizeof(T));
    const T* got = compiled();
    const T* also = interpreted();
    for (size_t i = 0; i < x.size(); ++i) {
      worst.take(error_of(row_, x[i], got[i]), x[i]);
      const bool same = std::memcmp(&got[i], &also[i], sizeof(T)) == 0;
      if (!same && !(std::isnan(got[i]) && std::isnan(also[i]))) ++differ;
    }
  }

 private:
  static Kernel kernel_of(const std::string& node) {
    const std::string type = sizeof(T) == 4 ? "f32" : "f64";
    auto g = graph_of("%x = input \"x\" : " + type + "[" + std::to_string(kCount) +
                      "]\n%y = " + node + "\noutput \"y\" = %y");
    if (!g) FAIL(rlx::to_text(g.error()));
    return *lower(*g, NodeId(0));
  }

  const T* compiled() {
    program_.run(buffers_, {}, 0, program_.tiles({}));
    return reinterpret_cast<const T*>(buffers_[1].data());
  }

  const T* interpreted() {
    // Catch2 counts in one thread only.
    RLX_CHECK(interpret(kernel_, {}, {buffers_[0].span(), other_.span()}).ok());
    return reinterpret_cast<const T*>(other_.data());
  }

  const Row& row_;
  Kernel kernel_;
  Program program_;
  // The argument, and the compiled result.
  Vec<Memory> buffers_;
  Memory other_{kCount * sizeof(T)};
};

// In equal parts: patterns of every exponent, with random mantissas and with the ends of them, and the
// numbers around which functions change their way, evenly spread and by magnitude.
template <class T>
Vec<T> sample(size_t count, uint64_t seed) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  std::mt19937_64 random(seed);
  Vec<T> x{0,
           T(-0.0),
           INFINITY,
           -INFINITY,
           NAN,
           std::numeric_limits<T>::denorm_min(),
           std::numeric_limits<T>::min(),
           std::numeric_limits<T>::max()};
  for (size_t i = 0; x.size() < count; ++i) {
    const auto bits = static_cast<Bits>(random());
    constexpr Bits kOnes = (Bits(1) << kMantissa) - 1;
    const double fraction = std::ldexp(static_cast<double>(random() >> 11), -53);
    switch (i % 5) {
      case 0: x.push_back(std::bit_cast<T>(bits)); break;
      case 1: x.push_back(std::bit_cast<T>(Bits(bits & ~kOnes))); break;
      case 2: x.push_back(std::bit_cast<T>(Bits(bits | kOnes))); break;
      case 3: x.push_back(static_cast<T>(512 * fraction - 256)); break;
      case 4: {
        const int exponent = static_cast<int>(random() % 16) - 12;
        x.push_back(
            static_cast<T>(std::ldexp(bits % 2 == 0 ? 1 + fraction : -1 - fraction, exponent)));
        break;
      }
    }
  }
  return x;
}

template <class T>
void check_sample(const Row& r, double bound) {
  Worst<T> worst;
  int64_t differ = 0;
  Function<T> f(r);
  f.measure(sample<T>(Function<T>::kCount, 7), worst, differ);
  INFO(r.node << " of " << sizeof(T) * 8 << " bits is off by " << worst.error << " at "
              << worst.at);
  CHECK(worst.error <= bound + kReference);
  CHECK(differ == 0);
}

template <class T>
void print(const std::string& node, double bound, const Worst<T>& worst, int64_t differ) {
  std::printf("%-36s f%zu %8.4f of %4.1f at %a, %ld differ\n", node.c_str(), sizeof(T) * 8,
              worst.error, bound, worst.at, static_cast<long>(differ));
  std::fflush(stdout);
}

// Every pattern of 32 bits, in two threads.
void measure_all(const Row& r, Worst<float>& worst, int64_t& differ) {
  constexpr uint64_t kEnd = uint64_t{1} << 32;
  std::atomic<uint64_t> next = 0;
  std::array<Worst<float>, 2> worsts;
  std::array<int64_t, 2> differs{};
  const auto work = [&](size_t thread) {
    Function<float> f(r);
    Vec<float> x(Function<float>::kCount);
    for (;;) {
      const uint64_t first = next.fetch_add(x.size());
      if (first >= kEnd) return;
      for (size_t i = 0; i < x.size(); ++i) {
        x[i] = std::bit_cast<float>(static_cast<uint32_t>(first + i));
      }
      f.measure(x, worsts[thread], differs[thread]);
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (const Worst<float>& w : worsts) worst.take(w.error, w.at);
  differ = differs[0] + differs[1];
}

}  // namespace

TEST_CASE("scalar functions keep their stated errors, compiled and interpreted") {
  for (const Row& r : rows()) {
    check_sample<float>(r, r.f32);
    check_sample<double>(r, r.f64);
  }
}

TEST_CASE("every macro of one operand has a row") {
  std::set<std::string> nodes;
  for (const Row& r : rows()) nodes.insert(r.node.substr(0, r.node.find('(')));
  // Measured by those that are made of them.
  nodes.insert({"expm1", "pow", "gelu_tanh"});
  for (int fn = kCoreFnCount; fn < kFnCount; ++fn) {
    CHECK(nodes.count(std::string(name(static_cast<Fn>(fn)))) == 1);
  }
}

// RLX_ONLY names one function.
TEST_CASE("scalar functions keep their stated errors for many an f64", "[.every]") {
  const char* only = std::getenv("RLX_ONLY");
  for (const Row& r : rows()) {
    if (only && !r.node.starts_with(std::string(only) + "(")) continue;
    Worst<double> worst;
    int64_t differ = 0;
    Function<double> f(r);
    for (uint64_t seed = 0; seed < 100; ++seed) {
      f.measure(sample<double>(Function<double>::kCount, seed), worst, differ);
    }
    print(r.node, r.f64, worst, differ);
    CHECK(worst.error <= r.f64 + kReference);
    CHECK(differ == 0);
  }
}

TEST_CASE("scalar functions keep their stated errors for every f32", "[.every]") {
  const char* only = std::getenv("RLX_ONLY");
  for (const Row& r : rows()) {
    if (only && !r.node.starts_with(std::string(only) + "(")) continue;
    Worst<float> worst;
    int64_t differ = 0;
    measure_all(r, worst, differ);
    print(r.node, r.f32, worst, differ);
    CHECK(worst.error <= r.f32 + kReference);
    CHECK(differ == 0);
  }
}

}  // namespace rlx::test
