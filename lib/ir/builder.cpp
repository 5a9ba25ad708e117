#include "ir/builder.h"

namespace rlx {

GraphBuilder::GraphBuilder(Graph& graph, RegionId region, Origin origin)
    : graph_(graph), region_(region), origin_(std::move(origin)) {}

Result<Values> GraphBuilder::add(Attrs attrs, Values inputs, Vec<RegionId> regions, int outputs) {
  Types unknown(static_cast<size_t>(outputs < 0 ? attrs.op()->arity.out : outputs));
  const NodeId id =
      graph_.add_node(region_, std::move(attrs), std::move(inputs), std::move(unknown), origin_);
  graph_[id].regions = std::move(regions);
  Vec<Diagnostic> problems;
  infer_node(graph_, region_, id, known_, problems);
  if (!problems.empty()) return Error(std::move(problems));
  return graph_[id].outputs;
}

Result<Values> GraphBuilder::add(Attrs attrs, Values inputs, int outputs) {
  return add(std::move(attrs), std::move(inputs), Vec<RegionId>(), outputs);
}

Result<Values> GraphBuilder::add(std::string_view op, Values inputs, int outputs) {
  const OpDef* def = find_op(op);
  RLX_CHECK(def, "no operator is called " + std::string(op));
  return add(Attrs(def), std::move(inputs), outputs);
}

Result<ValueId> GraphBuilder::add1(Attrs attrs, Values inputs) {
  RLX_TRY(Values outputs, add(std::move(attrs), std::move(inputs), 1));
  return outputs[0];
}

Result<ValueId> GraphBuilder::add1(std::string_view op, Values inputs) {
  RLX_TRY(Values outputs, add(op, std::move(inputs), 1));
  return outputs[0];
}

ValueId GraphBuilder::constant(Constant c, std::string name) {
  return graph_.add_constant(std::move(c), std::move(name));
}

ValueId GraphBuilder::i64(int64_t scalar) { return constant(make_i64({scalar}, 0)); }
ValueId GraphBuilder::i64s(const Vec<int64_t>& elements) { return constant(make_i64(elements, 1)); }

ValueId GraphBuilder::dims(Vec<Dim> elements, int rank) {
  Vec<int64_t> numbers;
  for (const Dim& d : elements) {
    if (auto c = d.constant()) numbers.push_back(*c);
  }
  if (numbers.size() == elements.size()) return constant(make_i64(numbers, rank));
  return graph_.add_dims(std::move(elements), rank);
}

}  // namespace rlx
