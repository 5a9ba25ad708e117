#include "frontend/onnx/graph_reader.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/attributes.h"
#include "frontend/onnx/contrib.h"
#include "frontend/onnx/convert.h"
#include "frontend/onnx/list_inputs.h"
#include "frontend/onnx/names.h"
#include "frontend/onnx/older.h"
#include "frontend/onnx/opsets.h"
#include "frontend/onnx/order.h"
#include "frontend/onnx/types.h"
#include "ir/infer_ctx.h"

namespace rlx::onnx {
namespace {

// Optional operands left out at the end are as good as not there.
template <class T, class Empty>
void drop_trailing(Vec<T>& operands, Empty is_empty) {
  while (!operands.empty() && is_empty(operands.back())) operands.pop_back();
}

std::string range_text(int low, int high, bool open) {
  if (open) return fmt::format("at least {}", low);
  return low == high ? fmt::format("{}", low) : fmt::format("{} to {}", low, high);
}

Status check_arity(const Call& call, const OpDef& op) {
  const Arity& arity = op.arity;
  const int inputs = static_cast<int>(call.inputs.size());
  const int most = arity.in + arity.optional;
  if (inputs < arity.in || (inputs > most && !arity.variadic)) {
    return call.error(kInvalidModel,
                      fmt::format("the operator takes {} inputs, the node has {}",
                                  range_text(arity.in, most, arity.variadic), inputs));
  }
  if (call.outputs.empty() && arity.out > 0) {
    return call.error(kInvalidModel, "the node has no outputs");
  }
  if (call.outputs.size() > static_cast<size_t>(arity.out)) {
    return call.error(kInvalidModel, fmt::format("the operator gives {} outputs, the node has {}",
                                                 arity.out, call.outputs.size()));
  }
  for (int i = 0; i < inputs; ++i) {
    const bool is_optional = i >= arity.in && i < most;
    if (!is_optional && !call.has_input(static_cast<size_t>(i))) {
      return call.error(kInvalidModel, fmt::format("input {} cannot be left out", i));
    }
  }
  return {};
}

// What stands for a node keeps the rules of its operators, however it was made. Types are known here only of the model's
// inputs and constants; inference checks the others.
Status check_made(const Call& call, size_t first) {
  const Graph& g = call.graph();
  for (size_t i = first; i < g.nodes.size(); ++i) {
    const Node& made = g.nodes[i];
    if (const std::string what = arity_problem(made); !what.empty()) {
      return call.error(kInvalidModel,
                        fmt::format("{}, which it is made of, {}", made.op_name(), what));
    }
    const std::optional<DType> type = refused_type(g, made);
    if (!type) continue;
    return call.error(kUnsupportedType,
                      fmt::format("elements of type {} are not supported", name(*type)));
  }
  return {};
}

// What nobody uses of what regions give may be left out in the file.
size_t output_count(const Call& call, const Vec<RegionId>& regions) {
  if (regions.empty()) return call.outputs.size();
  const size_t results = call.graph()[regions[0]].results.size();
  return std::max(call.outputs.size(), regions.size() == 1 ? results - 1 : results);
}

Error unsupported_operator(const Call& call) {
  return call.error(kUnsupportedOperator, fmt::format("operator {} is not supported", call.op_type),
                    "export the model without it; docs/add-an-operator.md is the way to add it");
}

Error unsupported_domain(const Call& call, std::string_view domain) {
  return call.error(
      kUnsupportedDomain,
      fmt::format("operator {} is of domain {}, which is not supported", call.op_type, domain),
      "export the model without fused or custom operators, or with functions that say what they "
      "are");
}

Status convert_any(Call& call, std::string_view domain) {
  if (is_own_domain(domain)) {
    if (call.opset == 0) {
      return call.error(kInvalidModel, "the function imports no operator set of ONNX");
    }
    RLX_TRY_VOID(modernize(call));
    return call.results ? Status() : convert(call);
  }
  if (domain != "com.microsoft") return unsupported_domain(call, domain);
  RLX_TRY(const bool converted, convert_contrib(call));
  return converted ? Status() : unsupported_domain(call, domain);
}

// Regions in the order in which rlx's operators own them.
constexpr std::array<std::string_view, 3> kRegionAttributes{"then_branch", "else_branch", "body"};

}  // namespace

void GraphReader::read(GraphProto& g, const InputShapes& shapes) {
  Scope scope(graph_, tensors_, Graph::kTop, nullptr);
  graph_.name = g.name;
  if (auto status = scope.declare(g); !status) report(std::move(status.error()), nullptr, scope);
  add_inputs(g, shapes, scope);
  read_body(g, scope);
  name_outputs(g, scope);
}

// They are had by their names.
void GraphReader::name_outputs(const GraphProto& g, const Scope& scope) {
  std::set<std::string_view> names;
  for (const ValueInfoProto& v : g.outputs) {
    graph_.output_names.emplace_back(v.name);
    if (names.insert(v.name).second) continue;
    report(Error(kInvalidModel, fmt::format("the model gives \"{}\" twice", v.name)), nullptr,
           scope);
  }
  if (g.outputs.empty()) report(Error(kInvalidModel, "the model has no outputs"), nullptr, scope);
}

// An input with an initializer has a default, which is taken: it is no input of the compiled model.
void GraphReader::add_inputs(const GraphProto& g, const InputShapes& shapes, Scope& scope) {
  Vec<const ValueInfoProto*> inputs;
  for (const ValueInfoProto& v : g.inputs) {
    if (!scope.is_initializer(v.name)) inputs.push_back(&v);
  }
  const ListInputs lists(inputs, shapes, problems_);
  Types types = input_types(lists.tensors(), graph_, problems_);
  Values tensors;
  for (size_t i = 0; i < types.size(); ++i) {
    std::string name(lists.tensors()[i]->name);
    tensors.push_back(graph_.add_input(std::move(types[i]), std::move(name)));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    define(inputs[i]->name, lists.value(i, tensors, graph_), nullptr, scope);
  }
}

void GraphReader::read_body(GraphProto& g, Scope& scope) {
  if (!read_nodes(g, scope)) return;
  for (const ValueInfoProto& v : g.outputs) {
    const ValueId result = find(v.name, nullptr, scope);
    graph_[scope.region()].results.push_back(result);
  }
}

bool GraphReader::read_nodes(GraphProto& g, Scope& scope) {
  if (g.has_sparse_initializers) {
    report(Error(kUnsupportedFormat, "sparse initializers are not supported"), nullptr, scope);
  }
  auto order = execution_order(g);
  if (!order) {
    report(std::move(order.error()), nullptr, scope);
    return false;
  }
  for (const size_t i : *order) read_node(g.nodes[i], scope);
  return true;
}

RegionId GraphReader::read_region(GraphProto& g, Scope& outer) {
  Scope scope(graph_, tensors_, graph_.add_region(), &outer);
  if (auto status = scope.declare(g); !status) report(std::move(status.error()), nullptr, scope);
  for (const ValueInfoProto& v : g.inputs) {
    const ValueId argument =
        graph_.add_argument(scope.region(), Type::unknown(), std::string(v.name));
    define(v.name, argument, nullptr, scope);
  }
  read_body(g, scope);
  return scope.region();
}

// ---- Nodes ------------------------------------------------------------------------------------

void GraphReader::read_node(NodeProto& n, Scope& scope) {
  Call call = call_of(n, scope);
  auto values = outputs_of(call, n, scope);
  if (values) {
    if (auto status = check_made(call, checked_); !status) values = std::move(status.error());
  }
  checked_ = graph_.nodes.size();
  if (!values) report(std::move(values.error()), &n, scope);
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const ValueId v = values ? (*values)[i] : placeholder(graph_);
    if (!call.outputs[i].empty()) define(call.outputs[i], v, &n, scope);
  }
}

Call GraphReader::call_of(NodeProto& n, Scope& scope) {
  Call call(graph_, scope.region(), tensors_);
  call.op = rlx_name(n.op_type);
  call.op_type = n.op_type;
  call.node = name_here(n);
  call.opset = opset_;
  call.attributes = std::move(n.attributes);
  call.outputs = n.outputs;
  for (const std::string_view name : n.inputs) {
    call.inputs.push_back(name.empty() ? ValueId() : find(name, &n, scope));
  }
  drop_trailing(call.inputs, [](ValueId v) { return !v.valid(); });
  drop_trailing(call.outputs, [](std::string_view name) { return name.empty(); });
  return call;
}

Result<Values> GraphReader::outputs_of(Call& call, const NodeProto& n, Scope& scope) {
  if (const FunctionProto* f = functions_.find(n)) return read_call(call, *f, scope);
  if (is_own_domain(n.domain) && call.op_type == "Scan") return read_scan(call, n, scope);
  Vec<RegionId> regions;
  for (const std::string_view name : kRegionAttributes) {
    auto graph = call.take(name);
    if (graph && graph->graphs.size() == 1) {
      regions.push_back(read_region(graph->graphs.front(), scope));
    }
  }
  RLX_TRY_VOID(convert_any(call, n.domain));
  const OpDef* op = find_op(call.op);
  if (!call.results && (!op || op->own)) return unsupported_operator(call);
  if (call.results) {
    if (auto problems = check_taken(call); !problems.empty()) return Error(std::move(problems));
    if (call.outputs.size() <= call.results->size()) return *std::move(call.results);
    return call.error(kInvalidModel, fmt::format("the node has {} outputs, more than its operator",
                                                 call.outputs.size()));
  }
  RLX_TRY_VOID(check_arity(call, *op));
  if (regions.size() != static_cast<size_t>(op->regions)) {
    return call.error(kInvalidModel, fmt::format("the operator has {} graphs, the node {}",
                                                 op->regions, regions.size()));
  }
  Attrs attrs(op);
  if (auto problems = assign(call, attrs); !problems.empty()) return Error(std::move(problems));
  Types types(output_count(call, regions), Type::unknown());
  const NodeId id =
      graph_.add_node(scope.region(), std::move(attrs), call.inputs, std::move(types), {call.node});
  graph_[id].regions = std::move(regions);
  return graph_[id].outputs;
}

// ---- Names and problems -----------------------------------------------------------------------

ValueId GraphReader::find(std::string_view name, const NodeProto* n, Scope& scope) {
  auto v = scope.find(name);
  if (!v) report(std::move(v.error()), n, scope);
  if (v && v->valid()) return *v;
  if (v) {
    report(Error(kInvalidModel, fmt::format("\"{}\" is used and nowhere defined", name)), n, scope);
  }
  return placeholder(graph_);
}

void GraphReader::define(std::string_view name, ValueId v, const NodeProto* n, Scope& scope) {
  if (auto status = scope.define(name, v); !status) report(std::move(status.error()), n, scope);
}

void GraphReader::report(Error e, const NodeProto* n, const Scope& scope) {
  for (Diagnostic& d : e.items) {
    if (n) {
      d.node = name_here(*n);
      d.op = n->op_type;
      d.opset = opset_;
      for (const std::string_view input : n->inputs) {
        std::string text = scope.describe(input);
        if (!text.empty()) d.shapes.push_back(std::move(text));
      }
    }
    problems_.push_back(std::move(d));
  }
}

}  // namespace rlx::onnx
