// Scales and zero points of quantised tensors: one of all elements; one an index of an axis; or one for every
// `block_size` indexes of it, where the other axes are the tensor's.
#pragma once
#include "op/op.h"

namespace rlx {

struct Quantised {
  int64_t axis = 1;
  // 0: not in blocks.
  int64_t block_size = 0;
};

// Whether it is one number, whatever rank that has.
bool is_one(const Type& t);
// Refuses input i where it has not as many numbers as input 0 needs.
Status require_parameters(InferCtx& c, const Quantised& q, int i);
// The same of the scales in input 1, and of the zero points in input 2, where they are given, of which there may be one.
Status require_scales_and_zeros(InferCtx& c, const Quantised& q);
// The number of input i for the element `at` of input 0.
Ex load_parameter(KernelBuilder& b, StageBuilder& s, const Quantised& q, int i, const Vec<Dim>& at);
// x, an element of input `of`, as an i32, less its zero point in input `zero`, which is read at `at`. Zero points that
// are left out, or known to be 0, cost nothing.
Ex less_zero_point(KernelBuilder& b, StageBuilder& s, Ex x, int zero, const Vec<Dim>& at);

}  // namespace rlx
