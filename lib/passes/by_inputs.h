// What the passes are asked that make a graph of another by some of its inputs.
#pragma once
#include <string>

#include "ir/builder.h"

namespace rlx {

// "NAME:INPUT,INPUT": an output, or a dim, and inputs of the model. Nothing: the pass does nothing.
struct ByInputs {
  std::string name = {};
  Vec<std::string> inputs = {};

  bool is_asked() const { return !name.empty(); }
};

// nullopt where the text is not that.
std::optional<ByInputs> by_inputs(std::string_view text);

// The inputs of these names; an error that begins with `flag` names one that there is not, or that is given
// twice or has no elements of `dtypes`.
Result<Values> inputs_named(const Graph& g, const Vec<std::string>& names, DTypes dtypes,
                            std::string_view flag);
// The output of that name.
Result<ValueId> output_named(const Graph& g, const std::string& name, std::string_view flag);
// What a node that a pass cannot go through says.
Error no_way_through(const Graph& g, NodeId node, std::string_view what);
// Whether nodes of the top region depend on these values through elements of `dtypes`, by value.
Vec<bool> depending_on(const Graph& g, const Values& sources, DTypes dtypes);
// What the graph assumes of extents so far stays assumed when dims are bound. Inference would see a broadcast
// where one of two extents that were to be equal is bound to 1, and what was made of the node without it would
// be wrong. `made` says what that is, in messages: "the gradient".
void keep_assumptions(Graph& g, std::string_view made);
// A new value of this one's type, all of whose elements are the number.
Result<ValueId> filled(GraphBuilder& b, ValueId like, double number);
// Makes these all that the graph gives.
void set_outputs(Graph& g, Values values, Vec<std::string> names);

}  // namespace rlx
