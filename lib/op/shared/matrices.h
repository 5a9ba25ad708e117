// Matrix products with numpy's rules: vectors count as one row or column, other axes are batches that broadcast.
#pragma once
#include "op/op.h"

namespace rlx {

// Of inputs 0 and 1.
Result<Vec<Dim>> infer_product_shape(InferCtx& c);

// Where the operands are read for the element `at` of the product, at step k of its sum.
struct ProductPlaces {
  Vec<Dim> a, b;
};
ProductPlaces product_places(const KernelBuilder& b, const Vec<Dim>& at, const Dim& k);

}  // namespace rlx
