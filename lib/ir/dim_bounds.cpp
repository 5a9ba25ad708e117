// Proofs that a Dim is not negative.
//
// An atom x occurs in d as x * C + R. Where C >= 0, d >= lower(x) * C + R; where C <= 0,
// d >= upper(x) * C + R. Atoms are replaced so, one at a time, until a constant is left. Symbolic bounds
// come first (a loop's end cancels against the extent that it stands for), symbols last.
#include <algorithm>

#include "ir/dim_terms.h"

namespace rlx {

using dims::checked_sub;

namespace {

enum class Side : uint8_t { kLower, kUpper };

// x is bounded by value / scale, scale being positive.
struct Bound {
  Dim value;
  Dim scale = 1;
};

// Either each bound by itself, or the least (for an upper bound the greatest) of all.
struct Bounds {
  Vec<Bound> items;
  bool all = false;
};

// d = x * cofactor + rest.
struct Parts {
  Dim cofactor;
  Dim rest;
};

Parts parts_of(const Dim& d, const Atom& x) {
  Vec<Term> cofactor, rest;
  for (const Term& t : d.terms()) {
    auto others = dims::without(t.factors, x);
    if (others) {
      cofactor.push_back({t.coefficient, *others});
    } else {
      rest.push_back(t);
    }
  }
  // Removing a factor of all, or nothing, makes no like terms.
  return {*Dim::sum(std::move(cofactor)), *Dim::sum(std::move(rest))};
}

bool has_loop(const Atom& a) {
  return a.kind == Atom::Kind::kLoop ||
         std::any_of(a.args.begin(), a.args.end(), [](const Dim& d) { return d.has_loops(); });
}

// Atoms are replaced in this order.
int rank_of(const Atom& a) {
  if (!a.args.empty()) return has_loop(a) ? 0 : 2;
  return a.kind == Atom::Kind::kLoop ? 1 : 3;
}

const Atom* next_atom(const Dim& d, int last_rank) {
  const Atom* best = nullptr;
  int rank = last_rank + 1;
  for (const Term& t : d.terms()) {
    for (const Atom& a : t.factors) {
      const int r = rank_of(a);
      if (r < rank || (best && r == rank && a < *best)) best = &a, rank = r;
    }
  }
  return best;
}

constexpr int kSymbolRank = 3;
constexpr int kLoopRank = 1;

class Prover {
 public:
  explicit Prover(const RangeOf& range) : range_(range) {}

  bool nonnegative(const Dim& d) {
    if (d.is_overflow()) return false;
    if (auto c = d.constant()) return *c >= 0;
    if (!burn(d)) return false;
    if (plainly_nonnegative(d)) return true;
    const Atom x = *next_atom(d, kSymbolRank);
    const Parts parts = parts_of(d, x);
    auto side = side_of(parts.cofactor);
    return side && holds_at(bounds(x, *side), parts);
  }

 private:
  // Whether a step with d may still be made. Bounds of nested products multiply out: one of a large
  // expression counts for many.
  bool burn(const Dim& d) {
    constexpr int kPlain = 16;
    fuel_ -= 1 + d.size() / kPlain;
    return fuel_ >= 0;
  }

  // Shown without replacing anything: no term can be negative.
  bool plainly_nonnegative(const Dim& d) {
    for (const Term& t : d.terms()) {
      if (t.coefficient < 0) return false;
      for (const Atom& a : t.factors) {
        if (!plainly_nonnegative(a)) return false;
      }
    }
    return true;
  }

  bool plainly_nonnegative(const Atom& a) {
    if (a.args.empty()) return plainly_nonnegative(range_(a).lo);
    if (a.kind == Atom::Kind::kMod) return true;
    const bool first = plainly_nonnegative(a.args[0]);
    if (a.kind == Atom::Kind::kFloorDiv) return first;
    const bool second = plainly_nonnegative(a.args[1]);
    return a.kind == Atom::Kind::kMin ? first && second : first || second;
  }

  // Which bound of x makes x * cofactor least; nullopt where the cofactor's sign is not shown.
  std::optional<Side> side_of(const Dim& cofactor) {
    if (nonnegative(cofactor)) return Side::kLower;
    auto negated = checked_mul(cofactor, -1);
    if (negated && nonnegative(*negated)) return Side::kUpper;
    return std::nullopt;
  }

  bool holds_at(const Bounds& bounds, const Parts& parts) {
    for (const Bound& b : bounds.items) {
      auto d = replaced(b, parts);
      const bool holds = d && nonnegative(*d);
      if (holds != bounds.all) return holds;
    }
    return bounds.all;
  }

  static std::optional<Dim> replaced(const Bound& b, const Parts& parts) {
    auto term = checked_mul(b.value, parts.cofactor);
    auto rest = checked_mul(b.scale, parts.rest);
    return term && rest ? checked_add(*term, *rest) : std::nullopt;
  }

  Bounds bounds(const Atom& x, Side side) {
    switch (x.kind) {
      case Atom::Kind::kSymbol:
      case Atom::Kind::kLoop: return leaf_bounds(x, side);
      case Atom::Kind::kFloorDiv: return quotient_bounds(x.args[0], x.args[1], side);
      case Atom::Kind::kMod: return remainder_bounds(x.args[0], x.args[1], side);
      case Atom::Kind::kMin: return {{{x.args[0]}, {x.args[1]}}, side == Side::kLower};
      case Atom::Kind::kMax: return {{{x.args[0]}, {x.args[1]}}, side == Side::kUpper};
    }
    return {};
  }

  Bounds leaf_bounds(const Atom& x, Side side) {
    DimRange r = range_(x);
    if (side == Side::kLower) return {{{std::move(r.lo)}}};
    if (!r.hi) return {};
    return {{{std::move(*r.hi)}}};
  }

  Bounds quotient_bounds(const Dim& a, const Dim& b, Side side) {
    Bounds all;
    if (auto limit = limit_of(a, side)) all.items.push_back({floor_div(*limit, b)});
    if (side == Side::kUpper) {
      all.items.push_back({a, b});
    } else if (auto low = checked_sub(a, b)) {
      if (auto numerator = checked_add(*low, 1)) all.items.push_back({std::move(*numerator), b});
    }
    return all;
  }

  Bounds remainder_bounds(const Dim& a, const Dim& b, Side side) {
    if (side == Side::kLower) return {{{Dim(0)}}};
    Bounds all;
    if (auto last = checked_sub(b, 1)) all.items.push_back({std::move(*last)});
    if (plainly_nonnegative(a)) all.items.push_back({a});
    return all;
  }

  // A bound of d without loops, or where it has none, without anything but numbers.
  std::optional<Dim> limit_of(Dim d, Side side) {
    const int last_rank = next_atom(d, kLoopRank) ? kLoopRank : kSymbolRank;
    while (const Atom* next = next_atom(d, last_rank)) {
      if (!burn(d)) return std::nullopt;
      const Atom x = *next;
      const Parts parts = parts_of(d, x);
      auto least = side_of(parts.cofactor);
      if (!least) return std::nullopt;
      const bool lower = (*least == Side::kLower) == (side == Side::kLower);
      Bounds b = bounds(x, lower ? Side::kLower : Side::kUpper);
      if (b.all || b.items.empty() || !b.items[0].scale.is(1)) return std::nullopt;
      auto limit = replaced(b.items[0], parts);
      if (!limit) return std::nullopt;
      d = std::move(*limit);
    }
    return d;
  }

  const RangeOf& range_;
  // Steps left: proofs that take longer are given up.
  int fuel_ = 256;
};

}  // namespace

bool can_equal(const Dim& a, const Dim& b, const RangeOf& range) {
  const Dim difference = a - b;
  if (difference.is_overflow()) return false;
  if (auto c = difference.constant()) return *c == 0;
  return !proven_nonnegative(difference - 1, range) &&
         !proven_nonnegative(Dim(-1) - difference, range);
}

bool repeats(const Dim& in, const Dim& out, const RangeOf& range) {
  const auto one_at_most = [&](const Dim& d) { return proven_nonnegative(1 - d, range); };
  if (in.constant()) return in.is(1) && !out.is(1);
  return (one_at_most(in) && !one_at_most(out)) || !can_equal(in, out, range);
}

bool proven_nonnegative(const Dim& d, const RangeOf& range) { return Prover(range).nonnegative(d); }

}  // namespace rlx
