// floordiv, mod, min and max in canonical form: what holds whatever the symbols are.
#include <algorithm>

#include "ir/dim_terms.h"

namespace rlx {

using dims::checked_sub;
using dims::common;
using dims::dim_of;
using dims::floor_quotient;
using dims::is_one;
using dims::without;

namespace {

Dim sum_of(Vec<Term> terms) {
  // The terms come from one Dim with smaller coefficients, so that nothing overflows.
  return *Dim::sum(std::move(terms));
}

// a = quotient * b + rest.
struct Split {
  Dim quotient;
  Dim rest;
};

// Constants leave a rest of 0 or more, which makes the canonical form one; other terms keep their
// sign, as (n - i) floordiv 4 is easier to bound than (n + 3 * i) floordiv 4 - i.
int64_t whole_part(const Term& t, int64_t divisor) {
  if (divisor <= 0) return 0;
  return t.factors.empty() ? floor_quotient(t.coefficient, divisor) : t.coefficient / divisor;
}

Split split_by_term(const Dim& a, const Term& b) {
  Vec<Term> quotient, rest;
  for (const Term& t : a.terms()) {
    auto factors = without(t.factors, b.factors);
    const int64_t whole = factors ? whole_part(t, b.coefficient) : 0;
    if (whole != 0) quotient.push_back({whole, *factors});
    // Of INT64_MIN the whole part is rounded down, and its product may not fit.
    int64_t left = whole == 0 ? t.coefficient : t.coefficient % b.coefficient;
    if (left < 0 && whole != 0 && t.factors.empty()) left += b.coefficient;
    if (left != 0) rest.push_back({left, t.factors});
  }
  return {sum_of(std::move(quotient)), sum_of(std::move(rest))};
}

// Takes multiples of b out of a as long as each makes a shorter.
Split split_by_sum(const Dim& a, const Dim& b) {
  Split s{0, a};
  for (const Term& t : a.terms()) {
    auto multiple = dims::quotient(t, b.terms().front());
    if (!multiple) continue;
    const Dim step = dim_of(*multiple);
    auto taken = checked_mul(step, b);
    auto rest = taken ? checked_sub(s.rest, *taken) : std::nullopt;
    if (!rest || rest->terms().size() >= s.rest.terms().size()) continue;
    s = {s.quotient + step, std::move(*rest)};
  }
  return s;
}

Split split(const Dim& a, const Dim& b) {
  return b.terms().size() == 1 ? split_by_term(a, b.terms()[0]) : split_by_sum(a, b);
}

int64_t constant_term(const Dim& d) {
  const Terms terms = d.terms();
  return terms.empty() || !terms.back().factors.empty() ? 0 : terms.back().coefficient;
}

// The greatest monomial that divides b and a; of a's constant a number need not divide, since
// (g * x + c) floordiv (g * y) = (x + c floordiv g) floordiv y.
Term common_divisor(const Dim& a, const Dim& b) {
  Term g = common(b);
  for (const Term& t : a.terms()) {
    if (t.factors.empty()) g.factors = {};
    if (!t.factors.empty()) g = common(g, t);
  }
  return g;
}

// d / g, the constant rounded down.
Dim reduce(const Dim& d, const Term& g) {
  Vec<Term> terms;
  for (const Term& t : d.terms()) {
    if (!t.factors.empty()) {
      terms.push_back(*dims::quotient(t, g));
    } else if (const int64_t c = floor_quotient(t.coefficient, g.coefficient); c != 0) {
      terms.push_back({c, {}});
    }
  }
  return sum_of(std::move(terms));
}

// (x floordiv m + c) floordiv b = (x + c * m) floordiv (m * b): the operands of the right side.
std::optional<std::pair<Dim, Dim>> merge_nested(const Dim& a, const Dim& b) {
  const int64_t c = constant_term(a);
  if (a.terms().size() != (c == 0 ? 1 : 2)) return std::nullopt;
  const Term t = a.terms()[0];
  if (t.coefficient != 1 || t.factors.size() != 1) return std::nullopt;
  if (t.factors[0].kind != Atom::Kind::kFloorDiv) return std::nullopt;
  const Operands& inner = t.factors[0].args;
  auto offset = checked_mul(inner[1], c);
  auto numerator = offset ? checked_add(inner[0], *offset) : std::nullopt;
  auto divisor = checked_mul(inner[1], b);
  if (!numerator || !divisor) return std::nullopt;
  return std::pair(std::move(*numerator), std::move(*divisor));
}

// a with c * (x mod m) replaced by c * x where b divides c * m: the same modulo b.
Dim without_inner_mods(const Dim& a, const Dim& b) {
  Dim result = a;
  for (const Term& t : a.terms()) {
    if (t.factors.size() != 1 || t.factors[0].kind != Atom::Kind::kMod) continue;
    const Operands& inner = t.factors[0].args;
    auto period = checked_mul(inner[1], t.coefficient);
    auto replaced = checked_mul(inner[0], t.coefficient);
    if (!period || !replaced || !exact_div(*period, b)) continue;
    auto left = checked_sub(result, dim_of(t));
    auto sum = left ? checked_add(*left, *replaced) : std::nullopt;
    if (sum) result = std::move(*sum);
  }
  return result;
}

// Divided by what is no divisor an expression stays as it is.
bool is_divisor(const Dim& b) { return b.constant().value_or(1) > 0; }

Dim operation(Atom::Kind kind, Dim a, Dim b) { return Dim::atom({.kind = kind, .args = {a, b}}); }

}  // namespace

Dim floor_div(const Dim& a, const Dim& b) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  if (!is_divisor(b)) return operation(Atom::Kind::kFloorDiv, a, b);
  if (b.is(1) || a.is(0)) return a;
  auto x = a.constant(), y = b.constant();
  if (x && y) return floor_quotient(*x, *y);
  if (const Split s = split(a, b); !s.quotient.is(0)) return s.quotient + floor_div(s.rest, b);
  if (const Term g = common_divisor(a, b); !is_one(g)) return floor_div(reduce(a, g), reduce(b, g));
  if (auto merged = merge_nested(a, b)) return floor_div(merged->first, merged->second);
  return operation(Atom::Kind::kFloorDiv, a, b);
}

Dim ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - 1, b); }

Dim mod(const Dim& a, const Dim& b) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  if (!is_divisor(b)) return operation(Atom::Kind::kMod, a, b);
  if (b.is(1) || a.is(0)) return 0;
  auto x = a.constant(), y = b.constant();
  if (x && y) return dims::remainder(*x, *y);
  if (const Split s = split(a, b); !s.quotient.is(0)) return mod(s.rest, b);
  if (const Dim plain = without_inner_mods(a, b); plain != a) return mod(plain, b);
  const Term g = common_divisor(a, b);
  if (is_one(g)) return operation(Atom::Kind::kMod, a, b);
  const Dim rest = g.factors.empty() ? mod(constant_term(a), g.coefficient) : Dim(0);
  return dim_of(g) * mod(reduce(a, g), reduce(b, g)) + rest;
}

std::optional<Dim> exact_div(const Dim& a, const Dim& b) {
  if (b.is(0) || a.is_overflow() || b.is_overflow()) return std::nullopt;
  Dim quotient, rest = a;
  // The leading term falls in each step, so that this ends.
  while (!rest.is(0)) {
    auto t = dims::quotient(rest.terms().front(), b.terms().front());
    if (!t) return std::nullopt;
    const Dim step = dim_of(*t);
    auto taken = checked_mul(step, b);
    auto left = taken ? checked_sub(rest, *taken) : std::nullopt;
    if (!left) return std::nullopt;
    quotient = quotient + step;
    rest = std::move(*left);
  }
  return quotient;
}

// ---- min and max ------------------------------------------------------------------------------

namespace {

// The operands of nested operations of one kind, as one list.
void flatten(const Dim& d, Atom::Kind kind, Vec<Dim>& out) {
  const Terms terms = d.terms();
  const bool lone = terms.size() == 1 && terms[0].coefficient == 1 &&
                    terms[0].factors.size() == 1 && terms[0].factors[0].kind == kind;
  if (!lone) return out.push_back(d);
  for (const Dim& arg : terms[0].factors[0].args) flatten(arg, kind, out);
}

// Adds d to operands that differ by more than a constant; of two others the lesser (greater) stays.
void add_operand(Vec<Dim>& operands, const Dim& d, Atom::Kind kind) {
  for (Dim& o : operands) {
    auto difference = checked_sub(d, o);
    auto constant = difference ? difference->constant() : std::nullopt;
    if (!constant) continue;
    if (kind == Atom::Kind::kMin ? *constant < 0 : *constant > 0) o = d;
    return;
  }
  operands.push_back(d);
}

Dim extremum(const Dim& a, const Dim& b, Atom::Kind kind) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  auto x = a.constant(), y = b.constant();
  if (x && y) return kind == Atom::Kind::kMin ? std::min(*x, *y) : std::max(*x, *y);
  Vec<Dim> flat, operands;
  flatten(a, kind, flat);
  flatten(b, kind, flat);
  for (const Dim& d : flat) add_operand(operands, d, kind);
  std::sort(operands.begin(), operands.end());
  Dim result = operands.back();
  for (size_t i = operands.size() - 1; i-- > 0;) result = operation(kind, operands[i], result);
  return result;
}

}  // namespace

Dim min(const Dim& a, const Dim& b) { return extremum(a, b, Atom::Kind::kMin); }
Dim max(const Dim& a, const Dim& b) { return extremum(a, b, Atom::Kind::kMax); }

Dim dims::combine(Atom::Kind kind, const Dim& a, const Dim& b) {
  switch (kind) {
    case Atom::Kind::kFloorDiv: return floor_div(a, b);
    case Atom::Kind::kMod: return mod(a, b);
    case Atom::Kind::kMin: return min(a, b);
    case Atom::Kind::kMax: return max(a, b);
    case Atom::Kind::kSymbol:
    case Atom::Kind::kLoop: break;
  }
  RLX_CHECK(false, "a symbol has no operands");
  return {};
}

}  // namespace rlx
