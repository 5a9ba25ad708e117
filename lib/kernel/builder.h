// How an operator's `lower` writes its kernel.
//
//   Status Softmax::lower(const Softmax& o, KernelBuilder& b) {
//     auto rows = b.grid(all dims but the axis);
//     Place e = b.local(f32, {extent});
//     StageBuilder s = b.reduce({extent}); ...
//   }
//
// Indexes are Dims over loops; every operand is named by its position. Floats of 16 bits compute in
// f32: `load` gives an f16 or bf16 element as f32, constants, accumulators and locals of these
// dtypes are f32, and `store` casts a float to the dtype of what it writes.
//
// An input of which the element is known when it is loaded (a scalar constant, shape arithmetic)
// becomes a constant or an index expression and no argument. A StageBuilder stays where it is made:
// its Ex point to it.
#pragma once
#include "ir/infer_ctx.h"
#include "kernel/kernel.h"

namespace rlx {

class StageBuilder;

// A handle to a node of the body being built; operators build nodes.
struct Ex {
  StageBuilder* stage = nullptr;
  ExprId id;

  DType type() const;
};

Ex operator+(Ex a, Ex b);
Ex operator-(Ex a, Ex b);
Ex operator*(Ex a, Ex b);
Ex operator/(Ex a, Ex b);
Ex operator-(Ex a);
// Numbers take the other operand's type.
Ex operator+(Ex a, double b);
Ex operator-(Ex a, double b);
Ex operator*(Ex a, double b);
Ex operator/(Ex a, double b);
Ex operator+(double a, Ex b);
Ex operator-(double a, Ex b);
Ex operator*(double a, Ex b);
Ex operator/(double a, Ex b);
Ex apply(Fn fn, Ex a);
Ex apply(Fn fn, Ex a, Ex b);
Ex select(Ex condition, Ex then, Ex otherwise);
Ex cast(Ex a, DType to);
Ex constant_like(Ex a, double value);

// Where a stage reads or writes.
struct Place {
  Access::Of of = Access::Of::kArg;
  uint32_t tensor = 0;
};

class StageBuilder {
 public:
  StageBuilder(class KernelBuilder& kernel, size_t stage);
  StageBuilder(const StageBuilder&) = delete;
  StageBuilder& operator=(const StageBuilder&) = delete;

  // Loops of the stage, as index expressions, in order.
  const Vec<Dim>& loops() const { return loops_; }
  Dim loop(int i) const { return loops_[static_cast<size_t>(i)]; }

  Ex load(Place from, const Vec<Dim>& index);
  // One Bounds per axis.
  Ex load(Place from, const Vec<Dim>& index, Vec<Bounds> bounds);
  // Axis `axis` is indexed by the i64 value of e instead (`from_end`: negative counts from the
  // end); outside is an error of the user's data, found at run time.
  Ex gather(Place from, Vec<AxisIndex> index, Vec<Bounds> bounds);
  Ex constant(DType type, double value);
  Ex constant_int(DType type, int64_t value);
  Ex index(const Dim& d);
  // The accumulator of a contract or conv (set its dtype in the detail first), or accumulator i of
  // a reduce or scan; of a sort the index of the element whose turn it is.
  Ex acc(int i = 0);
  void store(Place to, const Vec<Dim>& index, Ex value);
  // Bounds are proven or checked; elements that several points write need a combiner other than
  // set.
  void scatter(Place to, Vec<AxisIndex> index, Vec<Bounds> bounds, Ex value, Combine combine);

  // For reduce and scan: an accumulator with its initial value, and next(acc, ...) as an Ex of
  // acc(i). The initial value should be the identity of `next` (merges_of in kernel.h): then it
  // runs in lanes.
  int add_accumulator(DType type, Scalar init);
  void set_combine(int accumulator, Ex next);

  // A function of operands, and any node; add() in kernel/expr.h may find a better one.
  Ex apply(Fn fn, const Vec<Ex>& args);
  Ex node(Expr e);

  Stage& stage();

 private:
  Ex load(Access access);
  // Its number among the reads; equal ones are one.
  uint32_t read_of(Access access);
  bool is_product();
  const Vec<Dim>* chosen_dims(const Access& access);
  Ex choose(const Vec<Dim>& elements, const Dim& at);
  std::optional<Expr> known_element(const Access& access);
  std::optional<Expr> known_element(const Arg& arg, const Vec<AxisIndex>& index);
  DType dtype_of(const Access& a) const;

  KernelBuilder& kernel_;
  size_t stage_;
  Vec<Dim> loops_;
};

class KernelBuilder {
 public:
  KernelBuilder(const Graph& graph, NodeId node);

  int inputs() const;
  bool has(int i) const;
  const Type& in(int i) const;
  const Type& out(int i = 0) const;
  int outputs() const;
  // As InferCtx: constants and dims among the inputs.
  Known known(int i) const;
  const Constant* constant(int i) const;

  Place input(int i);
  Place output(int i = 0);
  Place local(DType dtype, Vec<Dim> shape = {});

  // Appends parallel grid loops; gives them as index expressions.
  Vec<Dim> grid(const Vec<Dim>& extents);
  Dim grid(const Dim& extent);
  // Appends a sequential one: its steps run in order.
  Dim steps(const Dim& extent);
  // A local that begins as `init` and keeps its value from step to step of that loop.
  Place carried(DType dtype, Vec<Dim> shape, const Dim& step, double init);

  StageBuilder map(const Vec<Dim>& extents = {});
  // Reduces over all of its loops.
  StageBuilder reduce(const Vec<Dim>& extents);
  // Over one loop.
  StageBuilder scan(const Dim& extent, bool exclusive = false, bool reverse = false);
  // So many elements of one loop, the first in the order of their keys; the detail's key is set by the caller.
  // Its loops are the rank and the element.
  StageBuilder sort(const Dim& ranks, const Dim& elements);
  // The detail's loops are filled in by the caller from grid() and loops().
  StageBuilder contract(const Vec<Dim>& k_extents);
  StageBuilder conv(const Vec<Dim>& extents);

  // An error that names the node, its operator and its shapes.
  Error error(int code, std::string message, std::string hint = {}) const;

  Kernel take() { return std::move(kernel_); }
  Kernel& kernel() { return kernel_; }
  const Graph& graph() const { return graph_; }

 private:
  friend class StageBuilder;
  const Node& node() const { return graph_[node_]; }
  // Its number among the stages.
  size_t add_stage(Detail detail, const Vec<Dim>& extents);
  LoopId new_loop() { return LoopId(kernel_.loop_count++); }
  Place arg_for(ValueId v, bool written);

  const Graph& graph_;
  NodeId node_;
  Kernel kernel_;
};

// Lowers one node; stages are named "%<first output>.<i>".
Result<Kernel> lower(const Graph& g, NodeId node);

}  // namespace rlx
