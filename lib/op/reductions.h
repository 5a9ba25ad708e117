// Reductions along axes are rows of a table, as elementwise operators are (op/elementwise.h): a row
// is an operator of its own.
#pragma once
#include <span>

#include "op/op.h"
#include "op/shared/known.h"
#include "op/shared/reduction_hooks.h"

namespace rlx {

struct ReductionRow {
  std::string_view name;
  DTypes dtypes;
  // What no elements give.
  Scalar (*init)(DType type);
  Ex (*next)(Ex acc, Ex x);
  // The result from the accumulator and the number of elements; null: the accumulator.
  Ex (*finish)(Ex acc, Ex count) = nullptr;
  // Shape arithmetic on two elements; null: none.
  FoldDims fold = nullptr;
  // Null: 1.
  SlopeOf slope = nullptr;
};

// Sorted by name.
std::span<const ReductionRow> reduction_rows();
const ReductionRow& reduction_row(std::string_view name);
// The operators made of the rows, in the same order.
Vec<const OpDef*> reduction_ops();

// The row's reduction of input 0 over sorted `axes` into output 0, where these axes are gone or 1.
Status lower_reduction(const ReductionRow& row, KernelBuilder& b, const Vec<int>& axes,
                       bool keepdims);

}  // namespace rlx
