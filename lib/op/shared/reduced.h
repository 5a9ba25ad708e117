// The axes of a reduction as ONNX gives them: input 1 (known); left out or empty: all, or none
// where noop_with_empty_axes.
#pragma once
#include "ir/builder.h"
#include "op/shared/axes.h"

namespace rlx {

Result<Vec<int>> reduced_axes(const InferCtx& c, bool noop_with_empty_axes);
Vec<int> reduced_axes(const KernelBuilder& b, bool noop_with_empty_axes);
// Of a node's inputs, which inference has accepted.
Vec<int> reduced_axes(const GraphBuilder& g, const Values& inputs, bool noop_with_empty_axes);
// Without the axes, or with extent 1 there.
Vec<Dim> reduced_shape(const Vec<Dim>& shape, const Vec<int>& axes, bool keepdims);

}  // namespace rlx
