// Discrete Fourier transforms as products with a matrix of sines and cosines, which the compiler makes where lengths are
// known. Angles are those of whole numbers modulo the length, in f64.
#pragma once
#include "op/shared/formula.h"

namespace rlx {

struct Fourier {
  // Of the whole transform; elements of the input and of the output may be fewer.
  Dim length;
  Dim in, out;
  bool inverse = false;
  // The output is real, the input the first half of what it is the transform of: the other half is its conjugate.
  bool is_half = false;

  // Refuses a matrix that is too large; `parts`: parts_of_input().
  Status check(const InferCtx& c, int64_t parts) const;
};

// Numbers an element of input 0 has along its last axis: 1 or 2.
Result<int64_t> parts_of_input(const InferCtx& c);

// x is [..., in, 1 or 2], the real and the imaginary part; gives [..., out, 2], or [..., out, 1].
Wire transformed(Wire x, const Fourier& t);

}  // namespace rlx
