#include "frontend/onnx/order.h"

#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "frontend/codes.h"

namespace rlx::onnx {
namespace {

using Names = std::unordered_set<std::string_view>;

void add_used(const NodeProto& n, Names& used);

// What a nested graph takes from the graphs around it.
void add_captured(const GraphProto& g, Names& used) {
  Names names;
  for (const NodeProto& n : g.nodes) add_used(n, names);
  for (const ValueInfoProto& v : g.outputs) names.insert(v.name);
  for (const NodeProto& n : g.nodes) {
    for (const std::string_view output : n.outputs) names.erase(output);
  }
  for (const ValueInfoProto& v : g.inputs) names.erase(v.name);
  for (const TensorProto& t : g.initializers) names.erase(t.name);
  used.merge(names);
}

void add_used(const NodeProto& n, Names& used) {
  used.insert(n.inputs.begin(), n.inputs.end());
  for (const AttributeProto& a : n.attributes) {
    for (const GraphProto& g : a.graphs) add_captured(g, used);
  }
}

struct Dependences {
  // Of each node: who waits for it, and for how many it waits.
  Vec<Vec<size_t>> users;
  Vec<size_t> waits;
};

Dependences dependences(const GraphProto& g) {
  std::unordered_map<std::string_view, size_t> maker;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    for (const std::string_view output : g.nodes[i].outputs) {
      if (!output.empty()) maker.emplace(output, i);
    }
  }
  Dependences d{Vec<Vec<size_t>>(g.nodes.size()), Vec<size_t>(g.nodes.size())};
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Names used;
    add_used(g.nodes[i], used);
    for (const std::string_view name : used) {
      auto it = maker.find(name);
      if (it == maker.end()) continue;
      d.users[it->second].push_back(i);
      ++d.waits[i];
    }
  }
  return d;
}

Error cycle(const GraphProto& g, const Vec<size_t>& waits) {
  constexpr size_t kShown = 5;
  Vec<std::string> names;
  for (size_t i = 0; i < waits.size() && names.size() < kShown; ++i) {
    if (waits[i] > 0) names.push_back(name_of(g.nodes[i]));
  }
  return Error(kInvalidModel,
               fmt::format("nodes wait for each other in a cycle: {}", fmt::join(names, ", ")));
}

}  // namespace

Result<Vec<size_t>> execution_order(const GraphProto& g) {
  Dependences d = dependences(g);
  std::priority_queue<size_t, Vec<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < d.waits.size(); ++i) {
    if (d.waits[i] == 0) ready.push(i);
  }
  Vec<size_t> order;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (const size_t user : d.users[i]) {
      if (--d.waits[user] == 0) ready.push(user);
    }
  }
  if (order.size() != g.nodes.size()) return cycle(g, d.waits);
  return order;
}

std::string name_of(const NodeProto& n) {
  if (!n.name.empty()) return std::string(n.name);
  for (std::string_view output : n.outputs) {
    if (!output.empty()) return fmt::format("{}_{}", n.op_type, output);
  }
  return std::string(n.op_type);
}

}  // namespace rlx::onnx
