// Operators that were others in older operator sets, which is read off the set that the model or the function imports:
// one row for each change. What only allows more (types, broadcasting, negative axes) needs none.
//
//   set 9   BatchNormalization without `spatial`; Scan without a batch axis; Upsample: scales are an input
//   set 10  Slice: starts, ends and axes, TopK: k, are inputs; Upsample goes
//           (convert.cpp: it is Resize)
//   set 11  Clip: min and max, Pad: pads and value, are inputs; Resize says where elements come from
//   set 12  Dropout: ratio is an input, the mask tells what is kept
//   set 13  Softmax, LogSoftmax and Hardmax are along one axis, and no longer along all from it on; Squeeze, Unsqueeze
//           and ReduceSum: axes, Split: split, are inputs
//   set 16  RoiAlign: elements lie in the middles of their squares
//   set 18  the other reductions: axes are an input; Split has num_outputs
//   set 20  DFT: axis is an input
//   set 21  GroupNormalization: scale and bias are of channels and no longer of groups (normalizations.cpp)
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Brings the call from the form of its operator set to ONNX's newest.
Status modernize(Call& call);
// The same of Resize as it was before set 11, and of Upsample, as which it began.
Status modernize_resize(Call& call);

}  // namespace rlx::onnx
