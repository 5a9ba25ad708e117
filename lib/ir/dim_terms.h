// Inside of ir/dim*.cpp: factors of terms as multisets, and the integers that must not overflow.
#pragma once
#include "ir/dim.h"

namespace rlx::dims {

inline std::optional<int64_t> add(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

inline std::optional<int64_t> multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// Rounds to minus infinity; b is positive.
constexpr int64_t floor_quotient(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Never negative; b is positive.
constexpr int64_t remainder(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

std::optional<Dim> checked_sub(const Dim& a, const Dim& b);

// floordiv, mod, min, max of a and b.
Dim combine(Atom::Kind kind, const Dim& a, const Dim& b);

// d with each factor of its terms, not those inside others, replaced by what f makes of it, if anything.
Dim map_factors(const Dim& d, const std::function<std::optional<Dim>(const Atom&)>& f);

// a without the factors b; nullopt where b holds one that a lacks.
std::optional<Factors> without(const Factors& a, const Factors& b);
std::optional<Factors> without(const Factors& a, const Atom& b);
// a / b where that is exact.
std::optional<Term> quotient(const Term& a, const Term& b);
// The greatest monomial with a positive coefficient that divides both, the terms of a Dim; 1 where
// nothing else does.
Term common(const Term& a, const Term& b);
Term common(const Dim& d);
inline bool is_one(const Term& t) { return t.coefficient == 1 && t.factors.empty(); }
// That term alone.
Dim dim_of(const Term& t);

}  // namespace rlx::dims
