// Symbols that only the run told, and that the compiler knows now: of an operand that became a constant, of the extents
// of an If whose branch is decided. Shape arithmetic that was solved with them goes on with what they are.
#pragma once
#include "ir/graph.h"

namespace rlx {

using FoundOut = std::map<std::string, Dim>;

// What the symbols are that the node tells, whose operator tells and whose operand has these elements.
FoundOut found_out(const Graph& g, NodeId teller, const Vec<Dim>& elements);
// The same where a value that had the one type has the other now.
FoundOut found_out(const Graph& g, const Type& before, const Type& now);

// In all dims and facts; types follow when they are inferred. Gives the dims values that are constants now.
Vec<ValueId> settle_symbols(Graph& g, const FoundOut& found);

}  // namespace rlx
