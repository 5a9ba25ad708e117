// The model's graph, with the graphs inside its nodes, as a Graph of model-level operators.
#pragma once
#include "frontend/frontend.h"
#include "frontend/onnx/functions.h"
#include "frontend/onnx/scope.h"

namespace rlx::onnx {

class GraphReader {
 public:
  GraphReader(int64_t opset, const Functions& functions, Tensors& tensors, Graph& graph,
              Vec<Diagnostic>& problems)
      : opset_(opset),
        functions_(functions),
        tensors_(tensors),
        graph_(graph),
        problems_(problems) {}

  // Goes on after problems, so that all are told; with any, the Graph is of no use.
  void read(GraphProto& g, const InputShapes& shapes);

 private:
  // Nodes in an order in which they can run, then results; inputs are defined by the caller.
  void read_body(GraphProto& g, Scope& scope);
  // False: they go round in circles.
  bool read_nodes(GraphProto& g, Scope& scope);
  void add_inputs(const GraphProto& g, const InputShapes& shapes, Scope& scope);
  void name_outputs(const GraphProto& g, const Scope& scope);
  RegionId read_region(GraphProto& g, Scope& outer);
  // A Scan as a loop over slices, which its body gathers (scan.cpp).
  Result<Values> read_scan(Call& call, const NodeProto& n, Scope& outer);
  ValueId slice_of(const NodeProto& n, size_t input, int64_t axis, bool reverse, ValueId trip,
                   Scope& body);
  void read_node(NodeProto& n, Scope& scope);
  Call call_of(NodeProto& n, Scope& scope);
  // The nodes of the function in the call's place (inline_call.cpp).
  Result<Values> read_call(const Call& call, const FunctionProto& f, const Scope& outer);
  Values read_function(GraphProto& body, const Call& call, const FunctionProto& f, Scope& scope);
  Status enter(const Call& call, const FunctionProto& f, size_t nodes);
  // With the names of the calls around it.
  std::string name_here(const NodeProto& n) const;
  Result<Values> outputs_of(Call& call, const NodeProto& n, Scope& scope);
  // Reports what is wrong with the name at node n (or at none).
  ValueId find(std::string_view name, const NodeProto* n, Scope& scope);
  void define(std::string_view name, ValueId v, const NodeProto* n, Scope& scope);
  void report(Error e, const NodeProto* n, const Scope& scope);

  // Of the model, or of the function whose body is read; 0 where that imports none.
  int64_t opset_;
  const Functions& functions_;
  // The functions whose bodies are being read, each inside the one before, and the names of the calls.
  Vec<const FunctionProto*> inside_;
  std::string prefix_;
  size_t inlined_ = 0;
  // The nodes of the graph that are known to keep their operators' rules, from the first.
  size_t checked_ = 0;
  Tensors& tensors_;
  Graph& graph_;
  Vec<Diagnostic>& problems_;
};

}  // namespace rlx::onnx
