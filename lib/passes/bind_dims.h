// Gives symbols values: what `rlx-spec bind --dim batch=1` does to a graph. All that follows from
// the values is inferred afresh; a broadcast that had to assume an equality may now see a 1
// instead. A symbol that the model forces to a value through the bound ones is bound too. "INPUT.2" is an element of a
// short integer input: what hangs on it is decided, an If by a branch, and the run checks that it has that value.
#pragma once
#include "ir/graph.h"

namespace rlx {

using DimValues = Vec<std::pair<std::string, int64_t>>;

// The error names the model's symbols: unknown ones, values out of range, contradictions.
Result<Graph> bind_dims(Graph g, const DimValues& values);

// What bind_dims says of names and values alone: constants may be without data.
Status check_dims(Graph g, const DimValues& values);

}  // namespace rlx
