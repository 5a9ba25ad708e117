// What `batch` hooks share.
#pragma once
#include <algorithm>

#include "op/op.h"
#include "op/shared/formula.h"

namespace rlx {

// The extents with the new axis in front.
Vec<Dim> batched_shape(const BatchIn& in, Vec<Dim> shape);
// Input i with the axis, whether it came with it or not.
Wire batched_input(Formula& f, const BatchIn& in, size_t i);
// Whether an input besides the first has the axis.
bool others_are_batched(const BatchIn& in);
// Of a form that the hook does not have.
Error not_batched(GraphBuilder& g, const BatchIn& in, std::string_view what);

// Of an operator whose inputs besides the first may not have the axis: the same with other attributes.
Result<Values> batch_with(GraphBuilder& g, const BatchIn& in, Attrs attrs);
// An operator over images [n, c, ...]: the new axis joins their batch.
Result<Values> batch_of_images(GraphBuilder& g, const BatchIn& in);

// An operator whose `axis` counts axes of input 0, which stand one further back.
template <class O>
Result<Values> batch_along(GraphBuilder& g, const BatchIn& in, O o) {
  if (o.axis >= 0) ++o.axis;
  return batch_with(g, in, attrs(std::move(o)));
}

}  // namespace rlx
