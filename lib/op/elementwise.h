// Elementwise operators without attributes are rows of a table: a row is an operator of its own,
// with numpy's broadcasting. Those with attributes are structs in headers of their own.
#pragma once
#include <span>

#include "op/op.h"
#include "op/shared/map.h"

namespace rlx {

struct ElementwiseRow {
  std::string_view name;
  Arity arity;
  DTypes dtypes;
  // The output's element from the inputs'.
  Ex (*value)(std::span<const Ex> x);
  // The output is bool.
  bool predicate = false;
  // Shape arithmetic; null: none.
  FoldDims fold = nullptr;
  // The greatest error in units of the result's last place, over all floats; of what is one macro
  // kernel/functions.def says it.
  double ulp = 0;
  // As in OpDef.
  bool commutative = false;
  bool reshapes = false;
  // Flat but for its steps, whatever its expression says of them.
  bool is_flat = false;
};

// Sorted by name.
std::span<const ElementwiseRow> elementwise_rows();
// The operators made of the rows, in the same order.
Vec<const OpDef*> elementwise_ops();

}  // namespace rlx
