// Graphs written as formulas: what gradients, tangents and batches are made with.
//
//   Formula f(builder);
//   const Wire y = f(in.outputs[0]);
//   const Wire share = y * f(in.outer[0]);
//   return f.values({share - y * sum(share, {axis})});
//
// The first node that cannot be made is the error that values() gives; what follows it is made of nothing,
// so that formulas ask for nothing but inputs' shapes. At most one operand of an expression adds nodes, as in
// `lower` (op/op.h).
#pragma once
#include "ir/hooks.h"

namespace rlx {

class Formula;

// A value of the graph that is being made.
struct Wire {
  Formula* formula = nullptr;
  ValueId id = {};

  // A copy: new nodes move the graph's.
  Type type() const;
  Vec<Dim> shape() const { return type().shape; }
  int rank() const { return type().rank(); }
  DType dtype() const { return type().dtype; }
  bool valid() const { return id.valid(); }
};

class Formula {
 public:
  explicit Formula(GraphBuilder& g) : g_(g) {}
  Formula(const Formula&) = delete;
  Formula& operator=(const Formula&) = delete;

  Wire operator()(ValueId v) { return {this, v}; }
  // An input of the block that is written; none where it is left out.
  Wire input(const Node& block, size_t i) {
    return i < block.inputs.size() ? (*this)(block.inputs[i]) : none();
  }
  // An input or a gradient that is left out.
  Wire none() { return {this, {}}; }
  Wire make(const Attrs& attrs, const Vec<Wire>& inputs);
  Wire make(std::string_view op, const Vec<Wire>& inputs);
  Vec<Wire> make_all(const Attrs& attrs, const Vec<Wire>& inputs, int outputs);
  // A scalar.
  Wire number(DType type, double value);
  // The same where the compiler may not know it.
  Wire number(DType type, const Dim& value);
  // That number everywhere.
  Wire full(DType type, const Vec<Dim>& shape, double value);
  // An i64 vector.
  Wire integers(Vec<Dim> elements);
  Wire integers(const Vec<int>& elements);

  // The wires' values, or the first error.
  Result<Values> values(const Vec<Wire>& wires) const;
  void fail(Error e);
  bool failed() const { return error_.has_value(); }
  GraphBuilder& builder() { return g_; }

 private:
  GraphBuilder& g_;
  std::optional<Error> error_;
};

// With numpy's broadcasting.
Wire operator+(Wire a, Wire b);
Wire operator-(Wire a, Wire b);
Wire operator*(Wire a, Wire b);
Wire operator/(Wire a, Wire b);
Wire operator-(Wire a);
// Numbers take the other operand's type.
Wire operator*(Wire a, double b);
Wire operator+(Wire a, double b);
Wire operator/(double a, Wire b);
// The sum of those that are there.
Wire added(Wire a, Wire b);

Wire cast(Wire x, DType to);
Wire reshape(Wire x, const Vec<Dim>& shape);
Wire expand(Wire x, const Vec<Dim>& shape);
// Axis i of the result is axis axes[i] of x.
Wire transpose(Wire x, const Vec<int>& axes);
Wire swap_last_axes(Wire x);
// With these axes, which stand beside each other, in front of axis `to`.
Wire moved_axes(Wire x, const Vec<int>& axes, int to);
// Axes keep extent 1.
Wire reduce(std::string_view op, Wire x, const Vec<int>& axes);
Wire sum(Wire x, const Vec<int>& axes);
// What broadcasting a tensor of that shape to x's has repeated is summed up.
Wire sum_to(Wire x, const Vec<Dim>& shape);
// Zeros around x, or negative: so much less of it.
Wire pad(Wire x, const Vec<Dim>& low, const Vec<Dim>& high);
// From `start` to before `end`.
Wire slice(Wire x, int axis, const Dim& start, const Dim& end);
Wire flip(Wire x, const Vec<int>& axes);
// Along each axis, after each element as many zeros as make steps[axis] of it.
Wire spread(Wire x, const Vec<int64_t>& steps);

}  // namespace rlx
