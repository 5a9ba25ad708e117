// What most lowerings share: where inputs are read for an element of the output.
#pragma once
#include "kernel/builder.h"

namespace rlx {

// The least and the greatest value of a type; infinities for floats.
Scalar lowest(DType t);
Scalar highest(DType t);
// The element of a constant that has one.
Scalar only_element(const Constant& c);
Ex constant(StageBuilder& s, const Scalar& value);
// Without its sign.
Ex magnitude(Ex x);

// Where a tensor of shape `in`, broadcast to `out`, is read for the element `at`.
Vec<Dim> broadcast_index(const KernelBuilder& b, const Vec<Dim>& in, const Vec<Dim>& out,
                         const Vec<Dim>& at);
// Input i, which broadcasts to the first output, for that output's element `at`.
Ex load_broadcast(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at);
// The one element of input i.
Ex load_scalar(KernelBuilder& b, StageBuilder& s, int input);

// Input i at an index of which the data gives some axes.
Ex gather(KernelBuilder& b, StageBuilder& s, int input, Vec<AxisIndex> index);
// An axis indexed by the value of e, where negative ones count from the end.
AxisIndex data_index(Ex e);
Vec<AxisIndex> axis_indexes(const Vec<Dim>& at);

// A map over the first output whose value is value(stage, at).
template <class F>
Status lower_map(KernelBuilder& b, F value) {
  const Vec<Dim> at = b.grid(b.out().shape);
  StageBuilder s = b.map();
  s.store(b.output(), at, value(s, at));
  return {};
}

// What simplify() may assume of the grid's loops and the symbols.
RangeOf grid_ranges(KernelBuilder& b);

}  // namespace rlx
