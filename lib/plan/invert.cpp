// Inverting index maps. A loop L is found in one of two shapes:
//   alone on an axis, possibly with others packed above and below it:  axis = a * 64 + L  (L < 64)
//   split over axes:  axis_i = L floordiv 64, axis_j = L mod 64        L = axis_i * 64 + axis_j
#include <algorithm>

#include "plan/copies.h"

namespace rlx {
namespace {

// One summand of an axis: coefficient * loop, the coefficient a product of symbols and a constant.
struct Part {
  Dim coefficient;
  LoopId loop;
};

// index = sum of parts, no constant: nullopt where it is anything else.
std::optional<Vec<Part>> parts_of(const Dim& index) {
  Vec<Part> parts;
  for (const Term& t : index.terms()) {
    Dim coefficient = t.coefficient;
    LoopId loop;
    for (const Atom& a : t.factors) {
      if (a.kind == Atom::Kind::kLoop) {
        if (loop.valid()) return std::nullopt;
        loop = a.loop;
      } else if (a.kind == Atom::Kind::kSymbol) {
        coefficient = coefficient * Dim::atom(a);
      } else {
        return std::nullopt;
      }
    }
    if (!loop.valid()) return std::nullopt;
    parts.push_back({coefficient, loop});
  }
  return parts;
}

Dim extent_of(LoopId id, const Vec<Loop>& loops) {
  const Loop* l = find_loop(loops, id);
  return l ? l->extent : Dim(0);
}

// Unpacks axis = sum of parts whose coefficients nest: innermost 1, each next the product below it.
bool unpack(const Dim& axis, Vec<Part> parts, const Vec<Loop>& loops, LoopMap& found) {
  Dim below = 1;
  while (!parts.empty()) {
    auto it = std::find_if(parts.begin(), parts.end(),
                           [&](const Part& p) { return p.coefficient == below; });
    if (it == parts.end()) return false;
    LoopId loop = it->loop;
    const Dim extent = extent_of(loop, loops);
    parts.erase(it);
    Dim value = floor_div(axis, below);
    if (!parts.empty()) value = mod(value, extent);
    if (!found.emplace(loop, value).second) return false;
    below = below * extent;
  }
  return true;
}

// The one loop under floordiv and mod, or none.
std::optional<LoopId> loop_under(const Dim& d) {
  std::optional<LoopId> found;
  bool one = true;
  each_atom(d, [&](const Atom& a) {
    if (a.kind != Atom::Kind::kLoop) return;
    if (found && *found != a.loop) one = false;
    found = a.loop;
  });
  if (!one) return std::nullopt;
  return found;
}

// L floordiv c, (L floordiv c) mod e, L mod e: the place value c of the digit of L, and its extent e.
struct Digit {
  Dim place;
  std::optional<Dim> extent;
};

std::optional<Digit> digit_of(const Dim& d, LoopId loop) {
  if (d == Dim::loop(loop)) return Digit{1, std::nullopt};
  if (d.terms().size() != 1 || d.terms()[0].coefficient != 1 || d.terms()[0].factors.size() != 1) {
    return std::nullopt;
  }
  const Atom& a = d.terms()[0].factors[0];
  if (a.kind == Atom::Kind::kFloorDiv && a.args[0] == Dim::loop(loop)) {
    return Digit{a.args[1], std::nullopt};
  }
  if (a.kind != Atom::Kind::kMod) return std::nullopt;
  std::optional<Digit> inner = digit_of(a.args[0], loop);
  if (!inner || inner->extent) return std::nullopt;
  return Digit{inner->place, a.args[1]};
}

struct DigitOnAxis {
  Digit digit;
  size_t axis;
};

// L = sum of axis * place over its digits, if the places nest from 1 up to L's extent: without the top one, steps that
// differ in it alone are one element.
bool gather_digits(Vec<DigitOnAxis> digits, const Loop& loop, const Vec<Dim>& axes,
                   LoopMap& found) {
  Dim below = 1, value = 0;
  bool has_top = false;
  while (!digits.empty()) {
    auto it = std::find_if(digits.begin(), digits.end(),
                           [&](const DigitOnAxis& d) { return d.digit.place == below; });
    if (it == digits.end()) return false;
    value = value + axes[it->axis] * below;
    has_top = !it->digit.extent;
    if (!has_top) below = below * *it->digit.extent;
    digits.erase(it);
    if (has_top && !digits.empty()) return false;
  }
  return (has_top || below == loop.extent) && found.emplace(loop.id, value).second;
}

}  // namespace

std::optional<LoopMap> invert(const Vec<Dim>& index, const Vec<Dim>& axes, const Vec<Loop>& loops,
                              const RangeOf& range) {
  LoopMap found;
  std::map<LoopId, Vec<DigitOnAxis>> digits;
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i].is(0)) continue;
    if (std::optional<Vec<Part>> parts = parts_of(index[i]); parts && !parts->empty()) {
      if (!unpack(axes[i], std::move(*parts), loops, found)) return std::nullopt;
      continue;
    }
    std::optional<LoopId> loop = loop_under(index[i]);
    if (!loop) return std::nullopt;
    std::optional<Digit> digit = digit_of(index[i], *loop);
    if (!digit) return std::nullopt;
    digits[*loop].push_back({*digit, i});
  }
  for (auto& [id, list] : digits) {
    const Loop* loop = find_loop(loops, id);
    if (!loop || !gather_digits(std::move(list), *loop, axes, found)) return std::nullopt;
  }
  for (const Loop& l : loops) {
    if (found.contains(l.id)) continue;
    // A loop of extent 1 is always 0; any other that no axis tells is a broadcast.
    if (!l.extent.is(1)) return std::nullopt;
    found.emplace(l.id, 0);
  }
  for (auto& [loop, value] : found) value = simplify(value, range);
  return found;
}

}  // namespace rlx
