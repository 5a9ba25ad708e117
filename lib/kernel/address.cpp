#include "kernel/address.h"

#include <algorithm>
#include <numeric>

namespace rlx {

Dim address_of(const Access& a, const Arg& arg, const RangeOf& range) {
  Vec<Dim> index;
  for (const AxisIndex& axis : a.index) index.push_back(axis.expr ? Dim(0) : axis.dim);
  if (!arg.frame) return simplify(storage_offset(arg.storage, arg.shape, index), range);
  const ArgFrame& frame = *arg.frame;
  for (size_t axis = 0; axis < index.size(); ++axis) index[axis] = index[axis] + frame.start[axis];
  return simplify(storage_offset(frame.storage, frame.shape, index), range);
}

Dim address_of(const Access& a, const Local& local, const RangeOf& range) {
  Arg plain{.dtype = local.dtype, .shape = local.shape};
  plain.storage = Storage::row_major(static_cast<int>(local.shape.size()));
  return address_of(a, plain, range);
}

std::optional<Dim> axis_stride(const Arg& arg, int axis) {
  const Vec<PhysicalDim>& dims = arg.storage.dims;
  auto is_axis = [axis](const PhysicalDim& d) { return d.axis == axis; };
  auto first = std::find_if(dims.begin(), dims.end(), is_axis);
  if (first == dims.end() || first->div != 1 || first->mod != 0) return std::nullopt;
  const Vec<Dim> strides = arg.frame ? physical_strides(arg.frame->storage, arg.frame->shape)
                                     : physical_strides(arg.storage, arg.shape);
  return strides[static_cast<size_t>(first - dims.begin())];
}

// ---- Lanes ------------------------------------------------------------------------------------

namespace {

// Loop v stands at v0 + l: v0 any multiple of `lanes`, 0 <= l < lanes.
class Lanes {
 public:
  Lanes(LoopId v, int64_t lanes) : v_(v), lanes_(lanes) {}

  // s with d(v0 + l) = d(v0) + s * l.
  std::optional<Dim> stride(const Dim& d) const {
    Dim total = 0;
    for (const Term& t : d.terms()) {
      auto s = stride(t);
      if (!s) return std::nullopt;
      total = total + *s;
    }
    return total;
  }

 private:
  // A product is affine if one factor is and the others are uniform.
  std::optional<Dim> stride(const Term& t) const {
    Dim uniform = t.coefficient;
    std::optional<Dim> varying;
    for (const Atom& a : t.factors) {
      auto s = stride(a);
      if (!s || (varying && !s->is(0))) return std::nullopt;
      if (s->is(0)) {
        uniform = uniform * Dim::atom(a);
      } else {
        varying = std::move(s);
      }
    }
    return varying ? uniform * *varying : Dim(0);
  }

  std::optional<Dim> stride(const Atom& a) const {
    switch (a.kind) {
      case Atom::Kind::kSymbol: return 0;
      case Atom::Kind::kLoop: return a.loop == v_ ? 1 : 0;
      case Atom::Kind::kFloorDiv: return quotient_stride(a.args[0], a.args[1]);
      case Atom::Kind::kMod: return remainder_stride(a.args[0], a.args[1]);
      case Atom::Kind::kMin:
      case Atom::Kind::kMax:
        return is_uniform(a.args[0]) && is_uniform(a.args[1]) ? std::optional<Dim>(0)
                                                              : std::nullopt;
    }
    return std::nullopt;
  }

  bool is_uniform(const Dim& d) const {
    auto s = stride(d);
    return s && s->is(0);
  }

  // 0 where no group of lanes crosses a multiple of b, else unknown. With g dividing b and the
  // varying part of a(v0), a(v0) = g * t + r: no multiple of g, hence none of b, is crossed if
  // 0 <= r + s * l < g for all l.
  std::optional<Dim> quotient_stride(const Dim& a, const Dim& b) const {
    auto s = stride(a);
    if (!s || !is_uniform(b)) return std::nullopt;
    if (s->is(0)) return 0;
    auto step = s->constant();
    if (!step) return std::nullopt;
    const int64_t shift = constant_term(a);
    const int64_t g = std::gcd(divisor_of(a - shift), divisor_of(b));
    // Nothing is divided by an empty extent.
    if (g == 0) return std::nullopt;
    const int64_t first = shift - floor_div(shift, g).constant().value() * g;
    int64_t span;
    if (__builtin_mul_overflow(*step, lanes_ - 1, &span)) return std::nullopt;
    const bool inside = span < 0 ? first >= -span : span < g - first;
    return inside ? std::optional<Dim>(0) : std::nullopt;
  }

  // a mod b = a - b * (a floordiv b).
  std::optional<Dim> remainder_stride(const Dim& a, const Dim& b) const {
    if (!quotient_stride(a, b)) return std::nullopt;
    return stride(a);
  }

  static int64_t constant_term(const Dim& d) {
    for (const Term& t : d.terms()) {
      if (t.factors.empty()) return t.coefficient;
    }
    return 0;
  }

  // A number that divides d(v0), 0 where d(v0) is 0.
  int64_t divisor_of(const Dim& d) const {
    int64_t g = 0;
    for (const Term& t : d.terms()) g = std::gcd(g, divisor_of(t));
    return g;
  }

  int64_t divisor_of(const Term& t) const {
    int64_t product = t.coefficient;
    for (const Atom& a : t.factors) {
      // What does not fit may be left out: a divisor of a divisor is one.
      int64_t longer;
      if (!__builtin_mul_overflow(product, divisor_of(a), &longer)) product = longer;
    }
    return product;
  }

  int64_t divisor_of(const Atom& a) const {
    switch (a.kind) {
      case Atom::Kind::kSymbol: return 1;
      case Atom::Kind::kLoop: return a.loop == v_ ? lanes_ : 1;
      case Atom::Kind::kFloorDiv: return quotient_divisor(a.args[0], a.args[1]);
      case Atom::Kind::kMod:
      case Atom::Kind::kMin:
      case Atom::Kind::kMax: return std::gcd(divisor_of(a.args[0]), divisor_of(a.args[1]));
    }
    return 1;
  }

  int64_t quotient_divisor(const Dim& a, const Dim& b) const {
    auto c = b.constant();
    const int64_t whole = divisor_of(a);
    return c && *c > 0 && whole % *c == 0 ? whole / *c : 1;
  }

  LoopId v_;
  int64_t lanes_;
};

}  // namespace

std::optional<Dim> lane_stride(const Dim& address, LoopId v, int64_t lanes) {
  return Lanes(v, lanes).stride(address);
}

// ---- Halo -------------------------------------------------------------------------------------

namespace {

// The axis with halo and padding holds every index.
bool holds(const Arg& arg, int axis, const Dim& index, const RangeOf& range) {
  const AxisPadding& p = arg.storage.padding[static_cast<size_t>(axis)];
  if (!proven_nonnegative(index + p.lo, range)) return false;
  const Dim last = arg.shape[static_cast<size_t>(axis)] + p.hi - 1;
  if (proven_nonnegative(last - index, range)) return true;
  const Dim padded = padded_extent(arg.storage, arg.shape, axis) - p.lo - 1;
  return proven_nonnegative(padded - index, range);
}

}  // namespace

bool covered_by_halo(const Access& a, const Arg& arg, const RangeOf& range) {
  for (size_t axis = 0; axis < a.index.size(); ++axis) {
    if (a.bounds[axis].rule != Bounds::Rule::kFill) continue;
    if (a.index[axis].expr || arg.storage.fill != a.bounds[axis].fill) return false;
    if (!holds(arg, static_cast<int>(axis), a.index[axis].dim, range)) return false;
  }
  return true;
}

}  // namespace rlx
