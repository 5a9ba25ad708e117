#include "op/shared/reindex.h"

namespace rlx {
namespace {

// The axes [in_first, in_last) hold the same elements as [out_first, out_last).
struct Group {
  size_t in_first, in_last;
  size_t out_first, out_last;
};

// Whether the side with product `mine` is the one to lengthen so that the products meet.
bool lags(const Dim& mine, const Dim& other) {
  if (mine.constant() && other.constant()) return *mine.constant() < *other.constant();
  return exact_div(other, mine).has_value();
}

// The shortest group from (i, j) on whose products are equal; all of the rest where none are.
Group next_group(const Vec<Dim>& in, size_t i, const Vec<Dim>& out, size_t j) {
  Group g{i, i, j, j};
  Dim in_product = 1;
  Dim out_product = 1;
  do {
    const bool in_left = g.in_last < in.size();
    const bool out_left = g.out_last < out.size();
    if (!in_left && !out_left) break;
    const bool meet = in_product == out_product;
    const bool grow_in = in_left && (!out_left || meet || lags(in_product, out_product) ||
                                     !lags(out_product, in_product));
    const bool grow_out = out_left && (!in_left || meet || lags(out_product, in_product) ||
                                       !lags(in_product, out_product));
    if (grow_in) in_product = in_product * in[g.in_last++];
    if (grow_out) out_product = out_product * out[g.out_last++];
  } while (in_product != out_product);
  return g;
}

Dim linear_index(const Vec<Dim>& shape, const Vec<Dim>& at, size_t first, size_t last) {
  Dim linear = 0;
  for (size_t axis = first; axis < last; ++axis) {
    if (!shape[axis].is(1)) linear = linear * shape[axis] + at[axis];
  }
  return linear;
}

// Splits a linear index over the axes [first, last) of `shape` into `index`.
void delinearise(Dim linear, const Vec<Dim>& shape, size_t first, size_t last, const RangeOf& range,
                 Vec<Dim>& index) {
  Dim stride = 1;
  for (size_t axis = last; axis-- > first;) {
    if (shape[axis].is(1)) continue;
    const Dim at = stride.is(1) ? linear : simplify(floor_div(linear, stride), range);
    stride = stride * shape[axis];
    bool outermost = true;
    for (size_t outer = first; outer < axis; ++outer) outermost &= shape[outer].is(1);
    index[axis] = outermost ? at : simplify(mod(at, shape[axis]), range);
  }
}

Dim product_of(const Vec<Dim>& shape, size_t first, size_t last) {
  return product({shape.begin() + static_cast<ptrdiff_t>(first),
                  shape.begin() + static_cast<ptrdiff_t>(last)});
}

bool is_empty(const Vec<Dim>& shape) { return product(shape).is(0); }

// Whether the two can be as many only where another extent is 0 or these are: nothing is read then.
bool never_meet(const Dim& a, const Dim& b) {
  if (a == b) return false;
  if (a.constant() && b.constant()) return true;
  const auto is_multiple = [](const Dim& of, const Dim& d) {
    const std::optional<Dim> factor = exact_div(of, d);
    return factor && factor->constant();
  };
  return is_multiple(a, b) || is_multiple(b, a);
}

}  // namespace

Vec<Dim> reshape_index(const Vec<Dim>& in, const Vec<Dim>& out, const Vec<Dim>& at,
                       const RangeOf& range) {
  Vec<Dim> index(in.size(), Dim(0));
  // Nothing is read, and divisions by 0 are no expressions.
  if (is_empty(in) || is_empty(out)) return index;
  for (size_t i = 0, j = 0; i < in.size() || j < out.size();) {
    const Group g = next_group(in, i, out, j);
    i = g.in_last;
    j = g.out_last;
    const Dim held = product_of(in, g.in_first, i), wanted = product_of(out, g.out_first, j);
    if (never_meet(held, wanted)) return Vec<Dim>(in.size(), Dim(0));
    const Dim linear = simplify(linear_index(out, at, g.out_first, j), range);
    delinearise(linear, in, g.in_first, i, range, index);
  }
  return index;
}

}  // namespace rlx
