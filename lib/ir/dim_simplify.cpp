// What ranges decide of divisions, remainders, min and max.
#include <algorithm>

#include "ir/dim_terms.h"

namespace rlx {

using dims::dim_of;

namespace {

using Kind = Atom::Kind;

class Simplifier {
 public:
  explicit Simplifier(const RangeOf& range) : range_(range) {}

  Dim simplified(const Dim& d) {
    if (!d.has_operators()) return d;
    return rejoined(dims::map_factors(d, [&](const Atom& a) { return simplified(a); }));
  }

 private:
  std::optional<Dim> simplified(const Atom& a) {
    if (a.args.empty()) return std::nullopt;
    const Dim rebuilt = dims::combine(a.kind, simplified(a.args[0]), simplified(a.args[1]));
    return decided(rebuilt);
  }

  // The same, where the operands are simplified.
  Dim decided(const Dim& d) {
    if (!d.has_operators()) return d;
    return dims::map_factors(d, [&](const Atom& a) { return decided(a); });
  }

  std::optional<Dim> decided(const Atom& a) {
    switch (a.kind) {
      case Kind::kSymbol:
      case Kind::kLoop: return std::nullopt;
      case Kind::kFloorDiv:
      case Kind::kMod: return division(a);
      case Kind::kMin: return is_at_most(a.args[0], a.args[1], a.args[0], a.args[1]);
      case Kind::kMax: return is_at_most(a.args[0], a.args[1], a.args[1], a.args[0]);
    }
    return std::nullopt;
  }

  // `then` where x <= y is shown, `otherwise` where y <= x is.
  std::optional<Dim> is_at_most(const Dim& x, const Dim& y, const Dim& then, const Dim& otherwise) {
    if (proven_nonnegative(y - x, range_)) return then;
    if (proven_nonnegative(x - y, range_)) return otherwise;
    return std::nullopt;
  }

  bool is_within(const Dim& d, const Dim& end) {
    return proven_nonnegative(d, range_) && proven_nonnegative(end - d - 1, range_);
  }

  std::optional<Dim> division(const Atom& atom) {
    const Dim &a = atom.args[0], &b = atom.args[1];
    const bool quotient = atom.kind == Kind::kFloorDiv;
    if (is_within(a, b)) return quotient ? Dim(0) : a;
    for (const Term& g : divisors(a, b)) {
      auto [high, low] = parted(a, g);
      if (low.is(0) || !is_within(low, dim_of(g))) continue;
      Dim divided = dims::combine(atom.kind, *exact_div(high, dim_of(g)), *exact_div(b, dim_of(g)));
      divided = decided(divided);
      return quotient ? divided : divided * dim_of(g) + low;
    }
    return std::nullopt;
  }

  // What divides b and some term of a, as g does in
  // (g * x + r) floordiv (g * y) = x floordiv y for 0 <= r < g.
  static Vec<Term> divisors(const Dim& a, const Dim& b) {
    Vec<Term> found;
    const Term whole = dims::common(b);
    for (const Term& t : a.terms()) {
      const Term g = dims::common(t, whole);
      if (dims::is_one(g) || std::find(found.begin(), found.end(), g) != found.end()) continue;
      found.push_back(g);
    }
    return found;
  }

  // The sum of a's terms that g divides, and of the others.
  static std::pair<Dim, Dim> parted(const Dim& a, const Term& g) {
    Vec<Term> high, low;
    for (const Term& t : a.terms()) (dims::quotient(t, g) ? high : low).push_back(t);
    return {*Dim::sum(std::move(high)), *Dim::sum(std::move(low))};
  }

  // k * (x mod c) + k * c * (x floordiv c) = k * x, for all pairs in d.
  static Dim rejoined(Dim d) {
    if (!d.has_operators()) return d;
    for (size_t i = 0; i < d.terms().size(); ++i) {
      auto joined = joined_at(d, d.terms()[i]);
      if (!joined) continue;
      d = std::move(*joined);
      i = size_t(-1);
    }
    return d;
  }

  static std::optional<Dim> joined_at(const Dim& d, const Term& t) {
    for (const Atom& a : t.factors) {
      if (a.kind != Kind::kMod) continue;
      const Dim &x = a.args[0], &c = a.args[1];
      const Dim quotient = floor_div(x, c);
      const Dim k = dim_of({t.coefficient, *dims::without(t.factors, a)});
      Dim joined = d + k * (x - c * quotient) - dim_of(t);
      if (uses(joined, quotient) < uses(d, quotient)) return joined;
    }
    return std::nullopt;
  }

  // Terms of d that hold the lone factor of the quotient; 0 where that is no lone factor.
  static size_t uses(const Dim& d, const Dim& quotient) {
    if (quotient.terms().size() != 1) return 0;
    const Factors factors = quotient.terms()[0].factors;
    auto holds = [&](const Term& t) { return std::ranges::includes(t.factors, factors); };
    return static_cast<size_t>(std::ranges::count_if(d.terms(), holds));
  }

  const RangeOf& range_;
};

}  // namespace

Dim simplify(const Dim& d, const RangeOf& range) { return Simplifier(range).simplified(d); }

}  // namespace rlx
