#include "kernel/eval.h"

#include <cmath>
#include <cstring>

#include "kernel/element.h"

namespace rlx {
namespace {

template <class T>
concept Float = std::floating_point<T>;
template <class T>
concept Int = std::integral<T> && !std::same_as<T, bool>;
template <class T>
concept Number = Float<T> || Int<T>;
template <class T>
concept Bits = std::integral<T>;

struct Strips {
  std::span<const std::byte* const> args;
  std::byte* out;
  int64_t count;

  template <class T>
  const T* arg(size_t i) const {
    return reinterpret_cast<const T*>(args[i]);
  }
};

template <class T, class R = T, class F>
void unary(const Strips& s, F f) {
  const T* a = s.arg<T>(0);
  R* out = reinterpret_cast<R*>(s.out);
  for (int64_t i = 0; i < s.count; ++i) out[i] = f(a[i]);
}

template <class T, class R = T, class F>
void binary(const Strips& s, F f) {
  const T *a = s.arg<T>(0), *b = s.arg<T>(1);
  R* out = reinterpret_cast<R*>(s.out);
  for (int64_t i = 0; i < s.count; ++i) out[i] = f(a[i], b[i]);
}

// ---- Arithmetic of one pair -------------------------------------------------------------------

// Integers as wide as any, so that nothing is promoted to int and overflows there.
template <Int T>
uint64_t wide(T value) {
  return static_cast<uint64_t>(value);
}

template <Number T>
T plus(T a, T b) {
  if constexpr (Float<T>) {
    return a + b;
  } else {
    return static_cast<T>(wide(a) + wide(b));
  }
}

template <Number T>
T minus(T a, T b) {
  if constexpr (Float<T>) {
    return a - b;
  } else {
    return static_cast<T>(wide(a) - wide(b));
  }
}

template <Number T>
T times(T a, T b) {
  if constexpr (Float<T>) {
    return a * b;
  } else {
    return static_cast<T>(wide(a) * wide(b));
  }
}

template <Number T>
T quotient(T a, T b) {
  if constexpr (Float<T>) {
    return a / b;
  } else {
    if (b == 0) return a;
    // The lowest number divided by -1 overflows.
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return minus(T{0}, a);
    return static_cast<T>(a / b);
  }
}

template <Number T>
T remainder(T a, T b) {
  if constexpr (Float<T>) {
    return std::fmod(a, b);
  } else {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
    return static_cast<T>(a % b);
  }
}

template <Number T>
bool is_nan(T v) {
  if constexpr (Float<T>) return std::isnan(v);
  return false;
}

template <Number T>
T lesser(T a, T b) {
  return b < a || is_nan(b) ? b : a;
}

template <Number T>
T greater(T a, T b) {
  return b > a || is_nan(b) ? b : a;
}

template <Int T>
T shifted(T a, T count, bool left) {
  auto n = static_cast<unsigned>(wide(count) % (sizeof(T) * 8));
  return static_cast<T>(left ? static_cast<T>(wide(a) << n) : a >> n);
}

template <class T>
T negated(T a) {
  if constexpr (Float<T>) {
    return -a;
  } else {
    return minus(T{0}, a);
  }
}

template <class T>
T absolute(T a) {
  if constexpr (Float<T>) {
    return std::fabs(a);
  } else {
    return a < 0 ? minus(T{0}, a) : a;
  }
}

template <Bits T>
T inverted(T a) {
  if constexpr (std::same_as<T, bool>) {
    return !a;
  } else {
    return static_cast<T>(~a);
  }
}

// ---- Functions by kind of operand -------------------------------------------------------------

// Each returns whether it knows the function.
template <Number T>
bool arithmetic(Fn fn, const Strips& s) {
  switch (fn) {
    case Fn::kAdd: return binary<T>(s, plus<T>), true;
    case Fn::kSub: return binary<T>(s, minus<T>), true;
    case Fn::kMul: return binary<T>(s, times<T>), true;
    case Fn::kDiv: return binary<T>(s, quotient<T>), true;
    case Fn::kRem: return binary<T>(s, remainder<T>), true;
    case Fn::kMin: return binary<T>(s, lesser<T>), true;
    case Fn::kMax: return binary<T>(s, greater<T>), true;
    case Fn::kNeg: return unary<T>(s, negated<T>), true;
    case Fn::kAbs: return unary<T>(s, absolute<T>), true;
    default: return false;
  }
}

template <Number T>
void fused(const Strips& s) {
  const T *a = s.arg<T>(0), *b = s.arg<T>(1), *c = s.arg<T>(2);
  T* out = reinterpret_cast<T*>(s.out);
  for (int64_t i = 0; i < s.count; ++i) {
    if constexpr (Float<T>) {
      out[i] = std::fma(a[i], b[i], c[i]);
    } else {
      out[i] = plus(times(a[i], b[i]), c[i]);
    }
  }
}

template <class T>
bool comparison(Fn fn, const Strips& s) {
  switch (fn) {
    case Fn::kEq: return binary<T, bool>(s, [](T a, T b) { return a == b; }), true;
    case Fn::kNe: return binary<T, bool>(s, [](T a, T b) { return a != b; }), true;
    case Fn::kLt: return binary<T, bool>(s, [](T a, T b) { return a < b; }), true;
    case Fn::kLe: return binary<T, bool>(s, [](T a, T b) { return a <= b; }), true;
    case Fn::kGt: return binary<T, bool>(s, [](T a, T b) { return a > b; }), true;
    case Fn::kGe: return binary<T, bool>(s, [](T a, T b) { return a >= b; }), true;
    default: return false;
  }
}

template <Float T>
bool rounding(Fn fn, const Strips& s) {
  switch (fn) {
    case Fn::kSqrt: return unary<T>(s, [](T a) { return std::sqrt(a); }), true;
    case Fn::kFloor: return unary<T>(s, [](T a) { return std::floor(a); }), true;
    case Fn::kCeil: return unary<T>(s, [](T a) { return std::ceil(a); }), true;
    case Fn::kRoundEven: return unary<T>(s, [](T a) { return std::nearbyint(a); }), true;
    case Fn::kTrunc: return unary<T>(s, [](T a) { return std::trunc(a); }), true;
    case Fn::kIsNan: return unary<T, bool>(s, [](T a) { return std::isnan(a); }), true;
    case Fn::kIsInf: return unary<T, bool>(s, [](T a) { return std::isinf(a); }), true;
    default: return false;
  }
}

template <Bits T>
bool bitwise(Fn fn, const Strips& s) {
  switch (fn) {
    case Fn::kAnd: return binary<T>(s, [](T a, T b) { return static_cast<T>(a & b); }), true;
    case Fn::kOr: return binary<T>(s, [](T a, T b) { return static_cast<T>(a | b); }), true;
    case Fn::kXor: return binary<T>(s, [](T a, T b) { return static_cast<T>(a ^ b); }), true;
    case Fn::kNot: return unary<T>(s, inverted<T>), true;
    default: return false;
  }
}

template <Int T>
bool shift(Fn fn, const Strips& s) {
  if (fn != Fn::kShl && fn != Fn::kShr) return false;
  const bool left = fn == Fn::kShl;
  binary<T>(s, [left](T a, T count) { return shifted(a, count, left); });
  return true;
}

template <class T>
void select(const Strips& s) {
  const bool* condition = s.arg<bool>(0);
  const T *a = s.arg<T>(1), *b = s.arg<T>(2);
  T* out = reinterpret_cast<T*>(s.out);
  for (int64_t i = 0; i < s.count; ++i) out[i] = condition[i] ? a[i] : b[i];
}

template <class T>
bool plain(Fn fn, const Strips& s) {
  if (fn == Fn::kSelect) return select<T>(s), true;
  if constexpr (Number<T>) {
    if (fn == Fn::kFma) return fused<T>(s), true;
    if (arithmetic<T>(fn, s)) return true;
  }
  if constexpr (Float<T>) {
    if (rounding<T>(fn, s)) return true;
  }
  if constexpr (Bits<T>) {
    if (bitwise<T>(fn, s)) return true;
  }
  if constexpr (Int<T>) {
    if (shift<T>(fn, s)) return true;
  }
  if constexpr (std::is_arithmetic_v<T>) return comparison<T>(fn, s);
  return false;
}

void cast(DType from, DType to, const Strips& s) {
  with_type(from, [&]<class From>() {
    with_type(to, [&]<class To>() { unary<From, To>(s, convert<To, From>); });
  });
}

}  // namespace

void eval(Fn fn, DType operand, DType result, std::span<const std::byte* const> args,
          std::byte* out, int64_t count) {
  Strips s{args, out, count};
  if (fn == Fn::kCast) return cast(operand, result, s);
  if (fn == Fn::kBitcast) {
    std::memmove(out, args[0], static_cast<size_t>(bytes_of(result, count)));
    return;
  }
  const bool known = with_type(operand, [&]<class T>() { return plain<T>(fn, s); });
  RLX_CHECK(known, std::string(name(fn)) + " of " + std::string(name(operand)));
}

}  // namespace rlx
