#include "ir/dim.h"

#include <algorithm>

#include "ir/dim_terms.h"

namespace rlx {

using dims::floor_quotient;

// ---- Order ------------------------------------------------------------------------------------

namespace {

template <class List>
std::strong_ordering in_turn(const List& a, const List& b) {
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

std::strong_ordering SymbolName::operator<=>(const SymbolName& o) const {
  return *this == o ? std::strong_ordering::equal : text() <=> o.text();
}

std::strong_ordering Operands::operator<=>(const Operands& o) const { return in_turn(*this, o); }

std::strong_ordering Atom::operator<=>(const Atom& o) const {
  if (auto order = kind <=> o.kind; order != 0) return order;
  if (auto order = symbol <=> o.symbol; order != 0) return order;
  if (auto order = loop <=> o.loop; order != 0) return order;
  return args <=> o.args;
}

std::strong_ordering Factors::operator<=>(const Factors& o) const {
  if (*this == o) return std::strong_ordering::equal;
  if (size() != o.size()) return o.size() <=> size();
  return in_turn(*this, o);
}

std::strong_ordering Term::operator<=>(const Term& o) const {
  if (auto order = factors <=> o.factors; order != 0) return order;
  return coefficient <=> o.coefficient;
}

std::strong_ordering Dim::operator<=>(const Dim& o) const {
  if (*this == o) return std::strong_ordering::equal;
  const Terms a = terms(), b = o.terms();
  return in_turn(a, b);
}

// ---- Making and asking ------------------------------------------------------------------------

Dim Dim::symbol(std::string_view name) { return atom({.symbol = name}); }
Dim Dim::loop(LoopId id) { return atom({.kind = Atom::Kind::kLoop, .loop = id}); }

Dim Dim::atom(const Atom& a) {
  const Term term{1, Factors({&a, 1})};
  return of({&term, 1});
}

namespace {

// Adds to terms that are sorted so far, but for zeros at the end.
bool append(Vec<Term>& sorted, const Term& t) {
  if (!sorted.empty() && sorted.back().factors == t.factors) {
    return !__builtin_add_overflow(sorted.back().coefficient, t.coefficient,
                                   &sorted.back().coefficient);
  }
  if (!sorted.empty() && sorted.back().coefficient == 0) sorted.pop_back();
  sorted.push_back(t);
  return true;
}

}  // namespace

std::optional<Dim> Dim::sum(Vec<Term> terms) {
  std::sort(terms.begin(), terms.end());
  Vec<Term> sorted;
  for (const Term& t : terms) {
    if (!append(sorted, t)) return std::nullopt;
  }
  if (!sorted.empty() && sorted.back().coefficient == 0) sorted.pop_back();
  return of(sorted);
}

namespace {

// The one factor that d is.
std::optional<Atom> lone_atom(const Dim& d) {
  const Terms terms = d.terms();
  if (terms.size() != 1) return std::nullopt;
  const Term t = terms[0];
  return t.coefficient == 1 && t.factors.size() == 1 ? std::optional(t.factors[0]) : std::nullopt;
}

}  // namespace

std::optional<LoopId> Dim::as_loop() const {
  const std::optional<Atom> a = lone_atom(*this);
  if (!a || a->kind != Atom::Kind::kLoop) return std::nullopt;
  return a->loop;
}

std::optional<SymbolName> Dim::as_symbol() const {
  const std::optional<Atom> a = lone_atom(*this);
  if (!a || a->kind != Atom::Kind::kSymbol) return std::nullopt;
  return a->symbol;
}

// ---- Sums and products ------------------------------------------------------------------------

std::optional<Dim> checked_add(const Dim& a, const Dim& b) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  // Two small numbers fit.
  if (a.is_small() && b.is_small()) return a.small_value() + b.small_value();
  const Terms x = a.terms(), y = b.terms();
  Vec<Term> sum;
  sum.reserve(x.size() + y.size());
  size_t i = 0, j = 0;
  while (i < x.size() && j < y.size()) {
    auto order = x[i].factors <=> y[j].factors;
    if (order != 0) {
      sum.push_back(order < 0 ? x[i++] : y[j++]);
      continue;
    }
    auto coefficient = dims::add(x[i].coefficient, y[j].coefficient);
    if (!coefficient) return std::nullopt;
    if (*coefficient != 0) sum.push_back({*coefficient, x[i].factors});
    ++i, ++j;
  }
  sum.insert(sum.end(), x.begin() + i, x.end());
  sum.insert(sum.end(), y.begin() + j, y.end());
  return Dim::of(sum);
}

namespace {

Factors product_of(const Factors& a, const Factors& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  Vec<Atom> sorted;
  sorted.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(sorted));
  return Factors(sorted);
}

std::optional<Term> multiply(const Term& a, const Term& b) {
  auto coefficient = dims::multiply(a.coefficient, b.coefficient);
  if (!coefficient) return std::nullopt;
  return Term{*coefficient, product_of(a.factors, b.factors)};
}

}  // namespace

std::optional<Dim> checked_mul(const Dim& a, const Dim& b) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  if (a.is_small() && b.is_small()) return dims::multiply(a.small_value(), b.small_value());
  const Terms x = a.terms(), y = b.terms();
  Vec<Term> terms;
  terms.reserve(x.size() * y.size());
  for (const Term& s : x) {
    for (const Term& t : y) {
      auto product = multiply(s, t);
      if (!product) return std::nullopt;
      terms.push_back(*product);
    }
  }
  if (x.size() != 1 && y.size() != 1) return Dim::sum(std::move(terms));
  // A single term keeps the other side's order and makes no like terms.
  return Dim::of(terms);
}

Dim operator+(const Dim& a, const Dim& b) { return checked_add(a, b).value_or(Dim::overflow()); }

Dim operator-(const Dim& a, const Dim& b) {
  return dims::checked_sub(a, b).value_or(Dim::overflow());
}

Dim operator*(const Dim& a, const Dim& b) { return checked_mul(a, b).value_or(Dim::overflow()); }

Dim product(const Vec<Dim>& dims) {
  Dim p = 1;
  for (const Dim& d : dims) p = p * d;
  return p;
}

bool has_no_value(const Dim& d) {
  if (d.is_overflow()) return true;
  bool without = false;
  each_atom(d, [&](const Atom& a) {
    if (a.kind != Atom::Kind::kFloorDiv && a.kind != Atom::Kind::kMod) return;
    const std::optional<int64_t> divisor = a.args[1].constant();
    without |= a.args[0].is_overflow() || a.args[1].is_overflow() || (divisor && *divisor < 1);
  });
  return without;
}

// ---- Walking ----------------------------------------------------------------------------------

void each_atom(const Dim& d, const std::function<void(const Atom&)>& f) {
  for (const Term& t : d.terms()) {
    for (const Atom& a : t.factors) {
      for (const Dim& arg : a.args) each_atom(arg, f);
      f(a);
    }
  }
}

bool uses_loop(const Dim& d, LoopId loop) {
  if (!d.has_loops()) return false;
  bool found = false;
  each_atom(d, [&](const Atom& a) { found |= a.kind == Atom::Kind::kLoop && a.loop == loop; });
  return found;
}

Dim substitute(const Dim& d, const std::function<std::optional<Dim>(const Atom&)>& f) {
  return dims::map_factors(d, [&](const Atom& a) -> std::optional<Dim> {
    if (a.args.empty()) return f(a);
    const Dim x = substitute(a.args[0], f), y = substitute(a.args[1], f);
    const bool same = x == a.args[0] && y == a.args[1];
    const Dim inner = same ? Dim::atom(a) : dims::combine(a.kind, x, y);
    const std::optional<Atom> rebuilt = lone_atom(inner);
    return rebuilt && !rebuilt->args.empty() ? f(*rebuilt).value_or(inner) : inner;
  });
}

Dim substitute_symbols(const Dim& d, const std::map<std::string, Dim>& values) {
  return substitute(d, [&](const Atom& a) -> std::optional<Dim> {
    if (a.kind != Atom::Kind::kSymbol) return std::nullopt;
    auto found = values.find(a.symbol);
    if (found == values.end()) return std::nullopt;
    return found->second;
  });
}

// ---- Evaluation -------------------------------------------------------------------------------

namespace {

using Symbols = std::map<std::string, int64_t>;

std::optional<int64_t> evaluate(const Atom& a, const Symbols& symbols) {
  if (a.kind == Atom::Kind::kLoop) return std::nullopt;
  if (a.kind == Atom::Kind::kSymbol) {
    auto found = symbols.find(a.symbol);
    return found == symbols.end() ? std::nullopt : std::optional(found->second);
  }
  auto x = rlx::evaluate(a.args[0], symbols), y = rlx::evaluate(a.args[1], symbols);
  if (!x || !y) return std::nullopt;
  if (a.kind == Atom::Kind::kMin) return std::min(*x, *y);
  if (a.kind == Atom::Kind::kMax) return std::max(*x, *y);
  if (*y <= 0) return std::nullopt;
  return a.kind == Atom::Kind::kFloorDiv ? floor_quotient(*x, *y) : dims::remainder(*x, *y);
}

std::optional<int64_t> evaluate(const Term& t, const Symbols& symbols) {
  std::optional<int64_t> value = t.coefficient;
  for (const Atom& a : t.factors) {
    auto factor = evaluate(a, symbols);
    if (!factor) return std::nullopt;
    value = dims::multiply(*value, *factor);
    if (!value) return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<int64_t> evaluate(const Dim& d, const Symbols& symbols) {
  if (d.is_overflow()) return std::nullopt;
  std::optional<int64_t> sum = 0;
  for (const Term& t : d.terms()) {
    auto value = evaluate(t, symbols);
    if (!value) return std::nullopt;
    sum = dims::add(*sum, *value);
    if (!sum) return std::nullopt;
  }
  return sum;
}

// ---- Terms ------------------------------------------------------------------------------------

namespace dims {

std::optional<Dim> checked_sub(const Dim& a, const Dim& b) {
  auto negated = checked_mul(b, -1);
  return negated ? checked_add(a, *negated) : std::nullopt;
}

Dim map_factors(const Dim& d, const std::function<std::optional<Dim>(const Atom&)>& f) {
  if (d.constant() || d.is_overflow()) return d;
  if (const std::optional<Atom> a = lone_atom(d)) return f(*a).value_or(d);
  Dim sum;
  for (const Term& t : d.terms()) {
    Dim mapped = t.coefficient;
    for (const Atom& a : t.factors) {
      const std::optional<Dim> factor = f(a);
      mapped = mapped * (factor ? *factor : Dim::atom(a));
    }
    sum = sum + mapped;
  }
  return sum;
}

std::optional<Factors> without(const Factors& a, const Factors& b) {
  if (b.empty()) return a;
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end())) return std::nullopt;
  Vec<Atom> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return Factors(rest);
}

std::optional<Factors> without(const Factors& a, const Atom& b) {
  const Atom* at = std::find(a.begin(), a.end(), b);
  if (at == a.end()) return std::nullopt;
  Vec<Atom> rest(a.begin(), at);
  rest.insert(rest.end(), at + 1, a.end());
  return Factors(rest);
}

std::optional<Term> quotient(const Term& a, const Term& b) {
  if (b.coefficient == -1 && a.coefficient == INT64_MIN) return std::nullopt;
  if (a.coefficient % b.coefficient != 0) return std::nullopt;
  auto factors = without(a.factors, b.factors);
  if (!factors) return std::nullopt;
  return Term{a.coefficient / b.coefficient, *factors};
}

namespace {

// std::gcd is undefined where a magnitude is no int64_t; 1 divides all.
int64_t greatest_divisor(int64_t a, int64_t b) {
  if (a == INT64_MIN || b == INT64_MIN) return 1;
  while (b != 0) a = std::exchange(b, a % b);
  return a < 0 ? -a : a;
}

}  // namespace

Term common(const Term& a, const Term& b) {
  Vec<Atom> factors;
  std::set_intersection(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(),
                        std::back_inserter(factors));
  return {greatest_divisor(a.coefficient, b.coefficient), Factors(factors)};
}

Term common(const Dim& d) {
  const Terms terms = d.terms();
  if (terms.empty()) return {1, {}};
  Term t = common(terms[0], terms[0]);
  for (const Term& next : terms) t = common(t, next);
  return t;
}

// One term overflows nothing.
Dim dim_of(const Term& t) { return *Dim::sum({t}); }

}  // namespace dims
}  // namespace rlx
