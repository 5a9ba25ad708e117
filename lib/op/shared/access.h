// What most lowerings share: reading an input at a place of the output, writing a result.
#pragma once
#include "kernel/builder.h"

namespace rlx {

// Floats of 16 bits compute in f32 and round where they are stored.
constexpr DType compute_type(DType t) {
  return t == DType::kF16 || t == DType::kBF16 ? DType::kF32 : t;
}

// The least and the greatest value of a type; infinities for floats.
Scalar lowest(DType t);
Scalar highest(DType t);
// Element i of a constant; nullopt for types without plain arithmetic (16-bit floats, strings).
std::optional<Scalar> scalar_at(const Constant& c, int64_t i);
Ex constant(StageBuilder& s, const Scalar& value);

// Where a tensor of shape `in`, broadcast to `out`, is read for the element `at`.
Vec<Dim> broadcast_index(const Vec<Dim>& in, const Vec<Dim>& out, const Vec<Dim>& at);

// e in its compute type.
Ex computed(Ex e);
// Input i at `at`, in its compute type. An input of one known element is that element and no read.
Ex read(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at);
Ex read(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at, Vec<Bounds> bounds);
// The same for an input that broadcasts to the first output.
Ex read_broadcast(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at);
// Input i at an index that the data gives.
Ex gather(KernelBuilder& b, StageBuilder& s, int input, Vec<AxisIndex> index);
// An axis indexed by the value of e, where negative ones count from the end.
AxisIndex data_index(Ex e);
Vec<AxisIndex> axis_indexes(const Vec<Dim>& at);

// Rounds or converts to the output's type.
void write(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& at, Ex value, int output = 0);

// A map over the first output whose value is value(stage, at).
template <class F>
Status lower_map(KernelBuilder& b, F value) {
  Vec<Dim> at = b.grid(b.out().shape);
  StageBuilder s = b.map();
  write(b, s, at, value(s, at));
  return {};
}

// What simplify() may assume of the grid's loops and the symbols.
RangeOf grid_ranges(KernelBuilder& b);

}  // namespace rlx
