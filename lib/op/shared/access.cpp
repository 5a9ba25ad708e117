#include "op/shared/access.h"

#include <limits>

namespace rlx {

Scalar lowest(DType t) {
  return Scalar::of(t, t == DType::kBool ? 0 : -std::numeric_limits<double>::infinity());
}

Scalar highest(DType t) { return Scalar::of(t, std::numeric_limits<double>::infinity()); }

Scalar only_element(const Constant& c) {
  RLX_CHECK(c.elements() == 1);
  return scalar_at(c.dtype, c.data.bytes().data());
}

Ex constant(StageBuilder& s, const Scalar& value) {
  return s.node({.fn = Fn::kConst, .type = value.dtype, .scalar = value});
}

Ex magnitude(Ex x) { return is_unsigned(x.type()) ? x : apply(Fn::kAbs, x); }

Vec<Dim> broadcast_index(const KernelBuilder& b, const Vec<Dim>& in, const Vec<Dim>& out,
                         const Vec<Dim>& at) {
  const RangeOf range = b.graph().symbol_ranges();
  Vec<Dim> index;
  const size_t skipped = out.size() - in.size();
  for (size_t axis = 0; axis < in.size(); ++axis) {
    const size_t from = axis + skipped;
    index.push_back(repeats(in[axis], out[from], range) ? Dim(0) : at[from]);
  }
  return index;
}

Ex load_broadcast(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at) {
  return s.load(b.input(input), broadcast_index(b, b.in(input).shape, b.out().shape, at));
}

Ex load_scalar(KernelBuilder& b, StageBuilder& s, int input) {
  return s.load(b.input(input), Vec<Dim>(b.in(input).shape.size(), Dim(0)));
}

Ex gather(KernelBuilder& b, StageBuilder& s, int input, Vec<AxisIndex> index) {
  Vec<Bounds> bounds;
  for (const AxisIndex& i : index) {
    bounds.push_back({i.expr ? Bounds::Rule::kChecked : Bounds::Rule::kProven});
  }
  return s.gather(b.input(input), std::move(index), std::move(bounds));
}

AxisIndex data_index(Ex e) { return {.expr = cast(e, DType::kI64).id, .from_end = true}; }

Vec<AxisIndex> axis_indexes(const Vec<Dim>& at) {
  Vec<AxisIndex> index;
  for (const Dim& d : at) index.push_back({.dim = d});
  return index;
}

RangeOf grid_ranges(KernelBuilder& b) {
  return ranges_of(b.kernel(), nullptr, b.graph().symbol_ranges());
}

}  // namespace rlx
