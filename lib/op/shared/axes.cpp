#include "op/shared/axes.h"

#include <algorithm>
#include <numeric>

#include "op/shared/codes.h"

namespace rlx {

Result<int> checked_axis(const InferCtx& c, int64_t axis, int rank) {
  if (axis >= -rank && axis < rank) return axis_of(axis, rank);
  return c.error(kBadAttribute, "axis " + std::to_string(axis) +
                                    " is outside of a tensor of rank " + std::to_string(rank));
}

Result<Vec<int>> checked_axes(const InferCtx& c, const Vec<int64_t>& axes, int rank) {
  Vec<int> result;
  for (const int64_t axis : axes) {
    RLX_TRY(const int checked, checked_axis(c, axis, rank));
    result.push_back(checked);
  }
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    return c.error(kBadAttribute, "an axis is given twice");
  }
  return result;
}

Status require_elements(InferCtx& c, const Dim& extent, std::string_view what) {
  if (extent.is(0)) return c.error(kBadInput, std::string(what) + " has no elements");
  return c.require_at_most(1, extent);
}

Result<Dim> divided(InferCtx& c, const Dim& d, int64_t by, std::string_view what) {
  if (std::optional<Dim> exact = exact_div(d, by)) return *exact;
  if (d.constant()) {
    return c.error(kBadInput, std::string(what) + ", " + to_text(d) + ", is no multiple of " +
                                  std::to_string(by));
  }
  RLX_TRY_VOID(c.require_equal(mod(d, by), 0));
  return c.simplified(floor_div(d, by));
}

Status require_broadcast_to(InferCtx& c, int i, const Vec<Dim>& shape, std::string_view message) {
  const Vec<Dim>& in = c.in(i).shape;
  if (in.size() > shape.size()) return c.error(kBadInput, std::string(message));
  const RangeOf range = c.graph().symbol_ranges();
  for (size_t k = 0; k < in.size(); ++k) {
    const Dim& wanted = shape[shape.size() - in.size() + k];
    if (in[k].is(1)) continue;
    const bool one = can_equal(in[k], 1, range) && repeats(in[k], wanted, range);
    if (!one && !can_equal(in[k], wanted, range)) return c.error(kBadInput, std::string(message));
    RLX_TRY_VOID(c.require_equal(in[k], one ? Dim(1) : wanted));
  }
  return {};
}

Status require_scalar(const InferCtx& c, int i, std::string_view what) {
  if (!c.has(i) || c.in(i).elements().is(1)) return {};
  return c.error(kBadInput, std::string(what) + " is not one element");
}

Result<Vec<Dim>> known_dims(const InferCtx& c, int i, std::string_view what) {
  if (Known known = c.known(i)) return *std::move(known);
  return c.error(
      kMustBeKnown,
      std::string(what) + " (input " + std::to_string(i) + ") depends on data at run time",
      "compute it from shapes, constants and inputs that are short integer vectors");
}

Result<Vec<Dim>> known_extents(InferCtx& c, int i, std::string_view what) {
  RLX_TRY(Vec<Dim> dims, known_dims(c, i, what));
  std::map<std::string, Dim> zeros;
  for (const Dim& d : dims) {
    each_atom(d, [&](const Atom& a) {
      const Symbol* s = c.graph().find_symbol(a.symbol);
      if (s && s->sign < 0) zeros.emplace(a.symbol, 0);
    });
  }
  for (const auto& [negative, zero] : zeros) {
    RLX_TRY_VOID(c.require_equal(Dim::symbol(negative), zero));
  }
  for (Dim& d : dims) d = substitute_symbols(d, zeros);
  return dims;
}

Result<std::optional<Vec<int64_t>>> known_integers(const InferCtx& c, int i,
                                                   std::string_view what) {
  if (!c.has(i)) return std::optional<Vec<int64_t>>();
  RLX_TRY(const Vec<Dim> dims, known_dims(c, i, what));
  Vec<int64_t> integers;
  for (const Dim& d : dims) {
    if (!d.constant()) {
      return c.error(kMustBeKnown, std::string(what) + " is the symbolic " + to_text(d),
                     "bind the dims that it depends on");
    }
    integers.push_back(*d.constant());
  }
  return std::optional(std::move(integers));
}

Vec<int64_t> integers_at(const KernelBuilder& b, int i) {
  Vec<int64_t> integers;
  if (!b.has(i)) return integers;
  Known known = b.known(i);
  RLX_CHECK(known.has_value());
  for (const Dim& d : *known) integers.push_back(d.constant().value());
  return integers;
}

Vec<int> iota(int first, int last) {
  Vec<int> result(static_cast<size_t>(std::max(0, last - first)));
  std::iota(result.begin(), result.end(), first);
  return result;
}

bool contains(const Vec<int>& axes, int axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

Vec<Dim> select_axes(const Vec<Dim>& dims, const Vec<int>& axes) {
  Vec<Dim> result;
  for (const int axis : axes) result.push_back(dims[static_cast<size_t>(axis)]);
  return result;
}

Vec<Dim> without_axes(const Vec<Dim>& dims, const Vec<int>& axes) {
  Vec<Dim> result;
  for (int axis = 0; axis < static_cast<int>(dims.size()); ++axis) {
    if (!contains(axes, axis)) result.push_back(dims[static_cast<size_t>(axis)]);
  }
  return result;
}

Vec<Dim> interleave(const Vec<int>& axes, const Vec<Dim>& inner, const Vec<Dim>& outer) {
  Vec<Dim> result;
  auto next_inner = inner.begin();
  auto next_outer = outer.begin();
  for (int axis = 0; axis < static_cast<int>(inner.size() + outer.size()); ++axis) {
    result.push_back(contains(axes, axis) ? *next_inner++ : *next_outer++);
  }
  return result;
}

}  // namespace rlx
