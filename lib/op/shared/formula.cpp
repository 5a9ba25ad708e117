#include "op/shared/formula.h"

#include <algorithm>

#include "op/cast.h"
#include "op/reshape.h"
#include "op/transpose.h"

namespace rlx {
namespace {

Constant scalar_constant(const Scalar& s) {
  std::string bytes(static_cast<size_t>(size_of(s.dtype)), '\0');
  to_bytes(s, reinterpret_cast<std::byte*>(bytes.data()));
  return make_constant(s.dtype, {}, std::move(bytes));
}

Values ids_of(const Vec<Wire>& wires) {
  Values ids;
  for (const Wire& w : wires) ids.push_back(w.id);
  return ids;
}

Wire binary(std::string_view op, Wire a, Wire b) { return a.formula->make(op, {a, b}); }

}  // namespace

Type Wire::type() const { return valid() ? formula->builder().type(id) : Type::unknown(); }

// ---- Nodes ------------------------------------------------------------------------------------

Vec<Wire> Formula::make_all(const Attrs& attrs, const Vec<Wire>& inputs, int outputs) {
  Vec<Wire> wires(static_cast<size_t>(outputs), none());
  if (failed()) return wires;
  auto made = g_.add(attrs, ids_of(inputs), outputs);
  if (!made) {
    fail(std::move(made.error()));
    return wires;
  }
  for (size_t i = 0; i < wires.size(); ++i) wires[i].id = (*made)[i];
  return wires;
}

Wire Formula::make(const Attrs& attrs, const Vec<Wire>& inputs) {
  return make_all(attrs, inputs, 1)[0];
}

Wire Formula::make(std::string_view op, const Vec<Wire>& inputs) {
  const OpDef* def = find_op(op);
  RLX_CHECK(def, "no operator is called " + std::string(op));
  return make(Attrs(def), inputs);
}

Wire Formula::number(DType type, double value) {
  return {this, g_.constant(scalar_constant(Scalar::of(type, value)))};
}

Wire Formula::number(DType type, const Dim& value) {
  if (auto known = value.constant()) return number(type, static_cast<double>(*known));
  return cast({this, g_.dims({value}, 0)}, type);
}

Wire Formula::full(DType type, const Vec<Dim>& shape, double value) {
  return expand(number(type, value), shape);
}

Wire Formula::integers(Vec<Dim> elements) { return {this, g_.dims(std::move(elements))}; }

Wire Formula::integers(const Vec<int>& elements) {
  return integers(Vec<Dim>(elements.begin(), elements.end()));
}

Result<Values> Formula::values(const Vec<Wire>& wires) const {
  if (error_) return *error_;
  return ids_of(wires);
}

void Formula::fail(Error e) {
  if (!error_) error_ = std::move(e);
}

// ---- Arithmetic -------------------------------------------------------------------------------

Wire operator+(Wire a, Wire b) { return binary("add", a, b); }
Wire operator-(Wire a, Wire b) { return binary("sub", a, b); }
Wire operator*(Wire a, Wire b) { return binary("mul", a, b); }
Wire operator/(Wire a, Wire b) { return binary("div", a, b); }
Wire operator-(Wire a) { return a.formula->make("neg", {a}); }
Wire operator*(Wire a, double b) { return b == 1 ? a : a * a.formula->number(a.dtype(), b); }
Wire operator+(Wire a, double b) { return a + a.formula->number(a.dtype(), b); }
Wire operator/(double a, Wire b) { return b.formula->number(b.dtype(), a) / b; }

Wire added(Wire a, Wire b) {
  if (!a.valid()) return b;
  return b.valid() ? a + b : a;
}

Wire cast(Wire x, DType to) {
  if (x.dtype() == to) return x;
  return x.formula->make(attrs(ops::Cast{.to = to}), {x});
}

// ---- Shapes -----------------------------------------------------------------------------------

Wire reshape(Wire x, const Vec<Dim>& shape) {
  if (!x.valid() || x.shape() == shape) return x;
  return x.formula->make(attrs(ops::Reshape{.allowzero = 1}), {x, x.formula->integers(shape)});
}

Wire expand(Wire x, const Vec<Dim>& shape) {
  if (!x.valid() || x.shape() == shape) return x;
  return x.formula->make("expand", {x, x.formula->integers(shape)});
}

Wire transpose(Wire x, const Vec<int>& axes) {
  return x.formula->make(attrs(ops::Transpose{.perm = {axes.begin(), axes.end()}}), {x});
}

Wire swap_last_axes(Wire x) {
  if (!x.valid()) return x;
  Vec<int> axes = iota(0, x.rank());
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return transpose(x, axes);
}

Wire moved_axes(Wire x, const Vec<int>& axes, int to) {
  if (!x.valid()) return x;
  Vec<int> order;
  for (const int axis : iota(0, x.rank())) {
    if (!contains(axes, axis)) order.push_back(axis);
  }
  order.insert(order.begin() + to, axes.begin(), axes.end());
  return transpose(x, order);
}

Wire reduce(std::string_view op, Wire x, const Vec<int>& axes) {
  // Without axes it would be all of them.
  if (axes.empty()) return x;
  return x.formula->make(op, {x, x.formula->integers(axes)});
}

Wire sum(Wire x, const Vec<int>& axes) { return reduce("reduce_sum", x, axes); }

Wire sum_to(Wire x, const Vec<Dim>& shape) {
  if (!x.valid() || x.shape() == shape) return x;
  const Vec<Dim> from = x.shape();
  const RangeOf range = x.formula->builder().graph().symbol_ranges();
  const size_t more = from.size() - shape.size();
  Vec<int> axes;
  for (size_t i = 0; i < from.size(); ++i) {
    const bool repeated =
        i < more || (shape[i - more] != from[i] && repeats(shape[i - more], from[i], range));
    if (repeated) axes.push_back(static_cast<int>(i));
  }
  return reshape(sum(x, axes), shape);
}

Wire pad(Wire x, const Vec<Dim>& low, const Vec<Dim>& high) {
  Vec<Dim> pads = low;
  pads.insert(pads.end(), high.begin(), high.end());
  if (std::all_of(pads.begin(), pads.end(), [](const Dim& d) { return d.is(0); })) return x;
  return x.formula->make("pad", {x, x.formula->integers(std::move(pads))});
}

Wire slice(Wire x, int axis, const Dim& start, const Dim& end) {
  Formula& f = *x.formula;
  const Wire starts = f.integers(Vec<Dim>{start});
  const Wire ends = f.integers(Vec<Dim>{end});
  return f.make("slice", {x, starts, ends, f.integers(Vec<int>{axis})});
}

Wire flip(Wire x, const Vec<int>& axes) {
  if (axes.empty()) return x;
  Formula& f = *x.formula;
  const Wire starts = f.integers(Vec<int>(axes.size(), -1));
  const Wire ends = f.integers(Vec<Dim>(axes.size(), Dim(-kMostBytes)));
  const Wire which = f.integers(axes);
  return f.make("slice", {x, starts, ends, which, starts});
}

Wire spread(Wire x, const Vec<int64_t>& steps) {
  const bool none = std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s == 1; });
  if (none || !x.valid()) return x;
  Vec<Dim> apart, more, whole;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Dim extent = x.shape()[i];
    apart.insert(apart.end(), {extent, 1});
    more.insert(more.end(), {0, steps[i] - 1});
    whole.push_back(extent * steps[i]);
  }
  const Wire padded = pad(reshape(x, apart), Vec<Dim>(more.size(), Dim(0)), more);
  return reshape(padded, whole);
}

}  // namespace rlx
