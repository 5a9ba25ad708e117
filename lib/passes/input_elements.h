// Inputs whose elements decide extents: the shape of a reshape, the end of a slice. Each such element is
// the difference of two symbols whose values the run reads from the input (Symbol::element), so that
// inference goes on with it as with the extent of an axis. Only inputs that an operator cannot do without are named so: the elements
// of others are data.
#pragma once
#include "ir/infer_ctx.h"

namespace rlx {

// Longer vectors are data, which decide no shape.
inline constexpr int64_t kMostShapeElements = 64;

// The first operand of a node that may decide its shape: the others' first one is data.
int64_t first_of_shape(const Node& n);

// The inputs that have such symbols, with their elements.
std::map<ValueId, Vec<Dim>> named_inputs(const Graph& g);

// Gives symbols to the elements of the input that "INPUT.2" speaks of; nothing where it has no such element.
void name_element(Graph& g, std::string_view name);

// Gives symbols to the elements of the short integer inputs that the operands of these nodes are
// computed from; false where that tells nothing more.
bool name_elements(Graph& g, const Vec<NodeId>& starved, const Vec<Known>& known);

}  // namespace rlx
