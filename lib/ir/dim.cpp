#include "ir/dim.h"

#include <algorithm>

#include "ir/dim_terms.h"

namespace rlx {

using dims::floor_quotient;

// ---- Order ------------------------------------------------------------------------------------

std::strong_ordering Atom::operator<=>(const Atom& o) const {
  if (auto order = kind <=> o.kind; order != 0) return order;
  if (auto order = symbol <=> o.symbol; order != 0) return order;
  if (auto order = loop <=> o.loop; order != 0) return order;
  return args <=> o.args;
}

bool Atom::operator==(const Atom& o) const {
  return kind == o.kind && symbol == o.symbol && loop == o.loop && args == o.args;
}

namespace {

// Higher degree first, so that constants come last; multiplying by a term keeps this order.
std::strong_ordering order_of(const Vec<Atom>& a, const Vec<Atom>& b) {
  if (a.size() != b.size()) return b.size() <=> a.size();
  return a <=> b;
}

}  // namespace

std::strong_ordering Term::operator<=>(const Term& o) const {
  if (auto order = order_of(factors, o.factors); order != 0) return order;
  return coefficient <=> o.coefficient;
}

bool Term::operator==(const Term& o) const {
  return coefficient == o.coefficient && factors == o.factors;
}

std::strong_ordering Dim::operator<=>(const Dim& o) const { return terms_ <=> o.terms_; }
bool Dim::operator==(const Dim& o) const { return terms_ == o.terms_; }

// ---- Making and asking ------------------------------------------------------------------------

Dim::Dim(int64_t constant) {
  if (constant != 0) terms_.push_back({constant, {}});
}

Dim Dim::symbol(std::string_view name) { return atom({.symbol = std::string(name)}); }
Dim Dim::loop(LoopId id) { return atom({.kind = Atom::Kind::kLoop, .loop = id}); }

Dim Dim::atom(Atom a) {
  Dim d;
  d.terms_.push_back({1, {}});
  d.terms_.back().factors.push_back(std::move(a));
  return d;
}

std::optional<Dim> Dim::sum(Vec<Term> terms) {
  std::sort(terms.begin(), terms.end());
  Dim d;
  for (Term& t : terms) {
    if (d.terms_.empty() || d.terms_.back().factors != t.factors) {
      if (!d.terms_.empty() && d.terms_.back().coefficient == 0) d.terms_.pop_back();
      d.terms_.push_back(std::move(t));
      continue;
    }
    auto coefficient = dims::add(d.terms_.back().coefficient, t.coefficient);
    if (!coefficient) return std::nullopt;
    d.terms_.back().coefficient = *coefficient;
  }
  if (!d.terms_.empty() && d.terms_.back().coefficient == 0) d.terms_.pop_back();
  return d;
}

Dim Dim::overflow() {
  Dim d;
  d.terms_.push_back({0, {}});
  return d;
}

bool Dim::is_overflow() const { return terms_.size() == 1 && terms_[0].coefficient == 0; }

std::optional<int64_t> Dim::constant() const {
  if (terms_.empty()) return 0;
  if (is_overflow()) return std::nullopt;
  if (terms_.size() > 1 || !terms_[0].factors.empty()) return std::nullopt;
  return terms_[0].coefficient;
}

namespace {

// The one factor that d is, or null.
const Atom* lone_atom(const Dim& d) {
  if (d.terms().size() != 1) return nullptr;
  const Term& t = d.terms()[0];
  return t.coefficient == 1 && t.factors.size() == 1 ? t.factors.data() : nullptr;
}

}  // namespace

std::optional<LoopId> Dim::as_loop() const {
  const Atom* a = lone_atom(*this);
  if (!a || a->kind != Atom::Kind::kLoop) return std::nullopt;
  return a->loop;
}

std::optional<std::string> Dim::as_symbol() const {
  const Atom* a = lone_atom(*this);
  if (!a || a->kind != Atom::Kind::kSymbol) return std::nullopt;
  return a->symbol;
}

// ---- Sums and products ------------------------------------------------------------------------

std::optional<Dim> checked_add(const Dim& a, const Dim& b) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  if (a.terms_.empty()) return b;
  if (b.terms_.empty()) return a;
  Dim sum;
  sum.terms_.reserve(a.terms_.size() + b.terms_.size());
  size_t i = 0, j = 0;
  while (i < a.terms_.size() && j < b.terms_.size()) {
    const Term &x = a.terms_[i], &y = b.terms_[j];
    auto order = order_of(x.factors, y.factors);
    if (order != 0) {
      sum.terms_.push_back(order < 0 ? x : y);
      ++(order < 0 ? i : j);
      continue;
    }
    auto coefficient = dims::add(x.coefficient, y.coefficient);
    if (!coefficient) return std::nullopt;
    if (*coefficient != 0) sum.terms_.push_back({*coefficient, x.factors});
    ++i, ++j;
  }
  sum.terms_.insert(sum.terms_.end(), a.terms_.begin() + i, a.terms_.end());
  sum.terms_.insert(sum.terms_.end(), b.terms_.begin() + j, b.terms_.end());
  return sum;
}

namespace {

std::optional<Term> multiply(const Term& a, const Term& b) {
  auto coefficient = dims::multiply(a.coefficient, b.coefficient);
  if (!coefficient) return std::nullopt;
  Term t{*coefficient, {}};
  t.factors.reserve(a.factors.size() + b.factors.size());
  std::merge(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(),
             std::back_inserter(t.factors));
  return t;
}

}  // namespace

std::optional<Dim> checked_mul(const Dim& a, const Dim& b) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  Vec<Term> terms;
  terms.reserve(a.terms_.size() * b.terms_.size());
  for (const Term& x : a.terms_) {
    for (const Term& y : b.terms_) {
      auto t = multiply(x, y);
      if (!t) return std::nullopt;
      terms.push_back(std::move(*t));
    }
  }
  if (a.terms_.size() != 1 && b.terms_.size() != 1) return Dim::sum(std::move(terms));
  // A single term keeps the other side's order and makes no like terms.
  Dim product;
  product.terms_ = std::move(terms);
  return product;
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
  bool found = false;
  each_atom(d, [&](const Atom& a) { found |= a.kind == Atom::Kind::kLoop && a.loop == loop; });
  return found;
}

Dim substitute(const Dim& d, const std::function<std::optional<Dim>(const Atom&)>& f) {
  return dims::map_factors(d, [&](const Atom& a) {
    if (a.args.empty()) return f(a).value_or(Dim::atom(a));
    Dim x = substitute(a.args[0], f), y = substitute(a.args[1], f);
    Dim inner = x == a.args[0] && y == a.args[1] ? Dim::atom(a) : dims::combine(a.kind, x, y);
    const Atom* rebuilt = lone_atom(inner);
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

bool has_operators(const Dim& d) {
  for (const Term& t : d.terms()) {
    for (const Atom& a : t.factors) {
      if (!a.args.empty()) return true;
    }
  }
  return false;
}

Dim map_factors(const Dim& d, const std::function<Dim(const Atom&)>& f) {
  if (d.constant() || d.is_overflow()) return d;
  if (const Atom* a = lone_atom(d)) return f(*a);
  Dim sum;
  for (const Term& t : d.terms()) {
    Dim mapped = t.coefficient;
    for (const Atom& a : t.factors) mapped = mapped * f(a);
    sum = sum + mapped;
  }
  return sum;
}

std::optional<Vec<Atom>> without(const Vec<Atom>& a, const Vec<Atom>& b) {
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end())) return std::nullopt;
  Vec<Atom> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

std::optional<Term> quotient(const Term& a, const Term& b) {
  if (b.coefficient == -1 && a.coefficient == INT64_MIN) return std::nullopt;
  if (a.coefficient % b.coefficient != 0) return std::nullopt;
  auto factors = without(a.factors, b.factors);
  if (!factors) return std::nullopt;
  return Term{a.coefficient / b.coefficient, std::move(*factors)};
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
  Term t{greatest_divisor(a.coefficient, b.coefficient), {}};
  std::set_intersection(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(),
                        std::back_inserter(t.factors));
  return t;
}

Term common(const Dim& d) {
  if (d.terms().empty()) return {1, {}};
  Term t = common(d.terms()[0], d.terms()[0]);
  for (const Term& next : d.terms()) t = common(t, next);
  return t;
}

Dim dim_of(Term t) {
  Vec<Term> terms;
  terms.push_back(std::move(t));
  // One term overflows nothing.
  return *Dim::sum(std::move(terms));
}

}  // namespace dims
}  // namespace rlx
