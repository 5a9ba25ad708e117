// What an operator's `infer` sees: types in, types out, and shape arithmetic as Dims.
#pragma once
#include "ir/graph.h"

namespace rlx {

// The elements of an integer tensor of rank 0 or 1 as expressions.
using Known = std::optional<Vec<Dim>>;

class InferCtx {
 public:
  // `before`: the types that the outputs had.
  InferCtx(Graph& graph, RegionId region, NodeId node, const Types& before, const Vec<Known>& known,
           Vec<Diagnostic>& problems);

  int inputs() const;
  bool has(int i) const;
  // Of an input; RLX_CHECKs that it is there.
  const Type& in(int i) const;
  int outputs() const;
  // The elements of input i where they are known: a constant, Dims, or what an `infer` told by set_known.
  Known known(int i) const;
  // The constant behind input i, or null.
  const Constant* constant(int i) const;
  // Tells the elements of output i, so that shape arithmetic is solved instead of run.
  void set_known(int output, Vec<Dim> elements);
  const Vec<Known>& told() const { return told_; }

  // A fresh symbol whose value only the run tells.
  Dim new_symbol();
  // An extent of an output that only the run tells: the symbol that it has been before, or a fresh one.
  Dim told_extent(int output, int axis);
  // The symbol of that name, whose value the run tells of an element: of sign 1 what of it is above 0, and of sign -1
  // what is below.
  Dim told_symbol(const std::string& name, int sign);
  // Notes that the model needs a == b: nothing where it holds, a problem where it cannot, else a Fact of the
  // node's region.
  Status require_equal(const Dim& a, const Dim& b);
  // The same of a <= b.
  Status require_at_most(const Dim& a, const Dim& b);
  // The extent of broadcasting a with b; assumes equality of two unknowns, but that one is 1 of which
  // only that can be (repeats()).
  Result<Dim> broadcast(const Dim& a, const Dim& b);
  Result<Vec<Dim>> broadcast(const Vec<Dim>& a, const Vec<Dim>& b);
  Dim simplified(const Dim& d) const;
  // An error that names this node, its operator and its shapes.
  Error error(int code, std::string message, std::string hint = {}) const;
  // Tells of a problem that leaves the types of the outputs known.
  void report(const Error& e);

  const Graph& graph() const { return graph_; }
  const Node& node() const { return graph_[node_]; }
  // What region i of the node gives as its result number `result`.
  const Type& result(int i, int result) const;
  int results(int i) const;

 private:
  // Whether some values of the symbols make them equal; true where that is not decided.
  bool can_equal(const Dim& a, const Dim& b) const;
  void add_fact(Fact::Relation relation, Dim a, Dim b);

  Graph& graph_;
  RegionId region_;
  NodeId node_;
  const Types& before_;
  const Vec<Known>& known_;
  Vec<Diagnostic>& problems_;
  Vec<Known> told_;
};

// The elements of a value: of a small constant or of dims, else what was told of it (`told` is indexed by
// value and may be shorter).
Known known_elements(const Graph& g, ValueId v, const Vec<Known>& told);
// Code and message, with the node's name, operator and shapes.
Diagnostic diagnostic_of(const Graph& g, NodeId id, int code, std::string message);

// What is wrong with the numbers of a node's inputs, outputs and regions; empty: nothing.
std::string arity_problem(const Node& node);
// The element type of an operand that the node's operator does not take, among the types that are known.
std::optional<DType> refused_type(const Graph& g, const Node& node);

// Infers the types of the outputs of a node, which stands in that region; they are unknown after a problem, or where
// an input is, or what one of its regions gives.
void infer_node(Graph& g, RegionId region, NodeId id, Vec<Known>& known, Vec<Diagnostic>& problems);

}  // namespace rlx
