// Interprets single nodes at compile time.
#pragma once
#include "ir/graph.h"

namespace rlx {

// Whether the node gives the same result at every run, if its operands are the same.
bool is_repeatable(const Node& node);
// Whether they are constants too.
bool is_computable(const Graph& g, NodeId id);
// The outputs of a computable node; empty where that takes more than `most_points` steps of its
// loops. The error is one of the model's data, such as an index outside of its axis.
Result<std::map<ValueId, Constant>> evaluate(const Graph& g, NodeId id, double most_points);

// The extents of a type that has no symbols.
Vec<int64_t> extents_of(const Type& t);

}  // namespace rlx
