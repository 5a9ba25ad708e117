// Derivatives of the expression of an elementwise operator, and expressions as graphs.
#pragma once
#include "kernel/builder.h"
#include "kernel/real.h"
#include "op/shared/formula.h"

namespace rlx {

class Derivation {
 public:
  // Of a kernel of one map, for the node that it was lowered from; both outlive it.
  Derivation(Formula& f, const Kernel& k);
  Derivation(const Derivation&) = delete;
  Derivation& operator=(const Derivation&) = delete;

  // Reverse mode: the gradient by the result goes back to what is loaded.
  void sweep_back(Wire outer);
  // By value v, of the result's shape, one for each place where the expression loads it.
  Vec<Wire> gradients(ValueId v);

  // Forward mode: tangents of what is loaded give that of the result; invalid: zero.
  void set_tangent(ValueId v, Wire tangent);
  Wire sweep_forward();

 private:
  using Slope = std::optional<Real>;

  Real leaf(Wire w, DType type);
  ValueId loaded(const Expr& load) const;
  // By the operands that have the node's type, in order; empty where it is flat or no function of reals.
  Vec<Slope> partials(size_t node);
  Slope times(Real a, Real partial);
  static void accumulate(Slope& sum, const Slope& more);
  void pass_back(size_t node);
  Slope tangent_of(size_t node);

  // The value of a node, as one of the graph.
  Wire wire(ExprId node);
  Wire made(const Expr& e);
  Wire made_macro(Fn fn, const Vec<Wire>& x);

  Formula& f_;
  const Kernel& kernel_;
  // Of the stage, and what derivatives add; loads beyond the stage's reads are leaves_.
  Body body_;
  ExprId root_;
  Vec<Wire> leaves_;
  // By node of the stage: the gradient or the tangent.
  Vec<Slope> slopes_;
  std::map<ValueId, Wire> tangents_;
  // By node.
  Vec<Wire> wires_;
};

}  // namespace rlx
