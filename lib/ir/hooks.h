// What an operator's hooks are told that make a graph of another: `grad` its gradient, `jvp` its tangent,
// `batch` itself over one axis more. They add nodes of other operators through the builder.
//
// Ids are copied: a node that a hook adds moves the others. A value that is left out is an invalid id.
#pragma once
#include "ir/builder.h"

namespace rlx {

// Reverse mode. The hook gives for each input the gradient of what is differentiated, of the input's type,
// or nothing where it is zero: of integers, of a step. Those of an input that stands twice are added up.
struct GradIn {
  NodeId node;
  Values inputs, outputs;
  // The gradient by each output, of its type; left out: zero.
  Values outer = {};
  // Whether somebody asks for the gradient by an input.
  Vec<bool> wanted = {};
};

// Forward mode. The hook gives the tangent of each output, of its type; left out: zero.
struct JvpIn {
  NodeId node;
  Values inputs, outputs;
  // Of the inputs, of their types; left out: zero.
  Values tangents = {};
};

// Over one axis more. The hook gives what stacking the outputs of a run for each index of that axis gives:
// outputs have it in front.
struct BatchIn {
  NodeId node;
  // Those that have the axis have it in front.
  Values inputs = {};
  Vec<bool> batched = {};
  Dim extent = {};
};

}  // namespace rlx
