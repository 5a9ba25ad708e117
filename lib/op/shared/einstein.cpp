#include "op/shared/einstein.h"

#include <algorithm>

#include "op/shared/axes.h"
#include "op/shared/places.h"

namespace rlx {
namespace {

// A tensor with a label for each axis.
struct Labelled {
  Wire x;
  Vec<Label> labels;
  // The wire's own is nothing where a node before it could not be made.
  Vec<Dim> shape;

  size_t axis(Label l) const {
    return static_cast<size_t>(std::ranges::find(labels, l) - labels.begin());
  }
  const Dim& extent(Label l) const { return shape[axis(l)]; }
  Vec<Dim> extents(const Vec<Label>& of) const {
    Vec<Dim> all;
    for (const Label l : of) all.push_back(extent(l));
    return all;
  }
  bool has(Label l) const { return has_label(labels, l); }
};

Vec<Label> joined(Vec<Label> a, const Vec<Label>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Its axes in the order of these labels, which are its own.
Labelled in_order(const Labelled& a, const Vec<Label>& labels) {
  if (a.labels == labels) return a;
  Vec<int> axes;
  for (const Label l : labels) axes.push_back(static_cast<int>(a.axis(l)));
  return {transpose(a.x, axes), labels, a.extents(labels)};
}

// The elements at equal places of the last two axes of x, as one axis.
Wire last_diagonal(Wire x, Vec<Dim> shape) {
  Formula& f = *x.formula;
  const Dim n = shape.back();
  shape.pop_back();
  shape.back() = n * n;
  const Wire flat = reshape(x, shape);
  const Wire numbers = counted(f, n);
  const Wire steps = f.number(DType::kI64, n + 1);
  const Wire places = numbers * steps;
  Attrs gather(find_op("gather"));
  gather.each([&](std::string_view, AttrRef a) { *std::get<int64_t*>(a) = -1; });
  return f.make(gather, {flat, places});
}

// The axes with both labels moved behind the others, and one made of them.
Labelled without_repeat(const Labelled& a, int first, int second) {
  Vec<int> order;
  for (const int axis : iota(0, static_cast<int>(a.labels.size()))) {
    if (axis != first && axis != second) order.push_back(axis);
  }
  Labelled out{{}, {}, select_axes(a.shape, order)};
  for (const int axis : order) out.labels.push_back(a.labels[static_cast<size_t>(axis)]);
  order.insert(order.end(), {first, second});
  const Dim extent = a.shape[static_cast<size_t>(first)];
  out.labels.push_back(a.labels[static_cast<size_t>(first)]);
  out.shape.push_back(extent);
  Vec<Dim> apart = out.shape;
  apart.push_back(extent);
  out.x = last_diagonal(transpose(a.x, order), apart);
  return out;
}

// With each label once.
Labelled without_repeats(const Labelled& a) {
  for (size_t i = 0; i < a.labels.size(); ++i) {
    const auto from = a.labels.begin() + static_cast<int64_t>(i) + 1;
    const auto again = std::find(from, a.labels.end(), a.labels[i]);
    if (again == a.labels.end()) continue;
    const auto second = static_cast<int>(again - a.labels.begin());
    return without_repeats(without_repeat(a, static_cast<int>(i), second));
  }
  return a;
}

// Summed up over all labels but these.
Labelled summed_to(const Labelled& a, const Vec<Label>& kept) {
  Vec<int> axes;
  Vec<Label> left;
  for (const Label l : a.labels) {
    if (has_label(kept, l)) {
      left.push_back(l);
    } else {
      axes.push_back(static_cast<int>(a.axis(l)));
    }
  }
  if (axes.empty()) return a;
  const Vec<Dim> shape = a.extents(left);
  return {reshape(sum(a.x, axes), shape), left, shape};
}

// Without axes of extent 1 that the other one repeats.
Labelled without_ones(const Labelled& a, const Labelled& other) {
  Vec<Label> left;
  for (const Label l : a.labels) {
    const bool repeated = other.has(l) && a.extent(l).is(1) && !other.extent(l).is(1);
    if (!repeated) left.push_back(l);
  }
  const Vec<Dim> shape = a.extents(left);
  return {reshape(a.x, shape), left, shape};
}

// The labels of two operands, by what becomes of them.
struct Roles {
  Vec<Label> batch, rows, columns, inner;
};

Roles roles_of(const Labelled& a, const Labelled& b, const Vec<Label>& kept) {
  Roles r;
  for (const Label l : a.labels) {
    const bool stays = has_label(kept, l);
    (!b.has(l) ? r.rows : stays ? r.batch : r.inner).push_back(l);
  }
  for (const Label l : b.labels) {
    if (!a.has(l)) r.columns.push_back(l);
  }
  return r;
}

// As [batch..., first, second]: the axes of each of the last two as one.
Wire as_matrix(const Labelled& a, const Vec<Label>& batch, const Vec<Label>& first,
               const Vec<Label>& second) {
  const Labelled ordered = in_order(a, joined(batch, joined(first, second)));
  Vec<Dim> shape = a.extents(batch);
  shape.push_back(product(a.extents(first)));
  shape.push_back(product(a.extents(second)));
  return reshape(ordered.x, shape);
}

// The product of the two, summed up over what is not kept.
Labelled product_of(const Labelled& x, const Labelled& y, const Vec<Label>& kept) {
  Labelled a = without_ones(x, y), b = without_ones(y, x);
  const Vec<Label> of_a = a.labels;
  a = summed_to(a, joined(kept, b.labels));
  b = summed_to(b, joined(kept, of_a));
  const Roles r = roles_of(a, b, kept);
  const Wire left = as_matrix(a, r.batch, r.rows, r.inner);
  const Wire right = as_matrix(b, r.batch, r.inner, r.columns);
  // Nothing is summed up: each element times each.
  const Wire all = r.inner.empty() ? left * right : x.x.formula->make("matmul", {left, right});
  const Vec<Label> of_left = joined(r.batch, r.rows);
  const Vec<Dim> columns = b.extents(r.columns);
  Vec<Dim> shape = a.extents(of_left);
  shape.insert(shape.end(), columns.begin(), columns.end());
  return {reshape(all, shape), joined(of_left, r.columns), shape};
}

// What the output and the operands behind number i name.
Vec<Label> named_behind(const Equation& e, size_t i) {
  Vec<Label> labels = e.output;
  for (size_t k = i + 1; k < e.operands.size(); ++k) labels = joined(labels, e.operands[k]);
  return labels;
}

}  // namespace

Wire einstein_sum(const Vec<Wire>& operands, const Equation& e) {
  Labelled all = without_repeats({operands[0], e.operands[0], operands[0].shape()});
  for (size_t i = 1; i < operands.size(); ++i) {
    const Labelled next = without_repeats({operands[i], e.operands[i], operands[i].shape()});
    all = product_of(all, next, named_behind(e, i));
  }
  return in_order(summed_to(all, e.output), e.output).x;
}

}  // namespace rlx
