#include "frontend/onnx/functions.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "frontend/codes.h"

namespace rlx::onnx {
namespace {

class Substitution {
 public:
  Substitution(const FunctionProto& f, const Call& call) : f_(f), call_(call) {
    for (size_t i = 0; i < f.inputs.size(); ++i) {
      if (!call.has_input(i)) left_out_.insert(f.inputs[i]);
    }
  }

  void apply(Vec<NodeProto>& nodes) const {
    for (NodeProto& n : nodes) {
      for (std::string_view& input : n.inputs) {
        if (left_out_.contains(input)) input = {};
      }
      std::erase_if(n.attributes, [&](AttributeProto& a) { return !resolve(a); });
    }
  }

 private:
  // False: it refers to what has no value.
  bool resolve(AttributeProto& a) const {
    if (!a.reference.empty()) {
      const AttributeProto* value = value_of(a.reference);
      if (!value) return false;
      const std::string_view name = a.name;
      a = *value;
      a.name = name;
      return true;
    }
    for (GraphProto& g : a.graphs) apply(g.nodes);
    return true;
  }

  const AttributeProto* value_of(std::string_view name) const {
    if (const AttributeProto* given = call_.find(name)) return given;
    auto it = std::ranges::find(f_.defaults, name, &AttributeProto::name);
    return it == f_.defaults.end() ? nullptr : &*it;
  }

  const FunctionProto& f_;
  const Call& call_;
  std::unordered_set<std::string_view> left_out_;
};

bool has_attribute(const FunctionProto& f, std::string_view name) {
  return std::ranges::find(f.attributes, name) != f.attributes.end() ||
         std::ranges::find(f.defaults, name, &AttributeProto::name) != f.defaults.end();
}

Status check_call(const FunctionProto& f, const Call& call) {
  if (call.inputs.size() > f.inputs.size() || call.outputs.size() > f.outputs.size()) {
    return call.error(
        kInvalidModel,
        fmt::format("the function has {} inputs and {} outputs, the node {} and {}",
                    f.inputs.size(), f.outputs.size(), call.inputs.size(), call.outputs.size()));
  }
  for (const AttributeProto& a : call.attributes) {
    if (has_attribute(f, a.name)) continue;
    return call.error(kInvalidModel, fmt::format("the function has no attribute {}", a.name));
  }
  return {};
}

}  // namespace

Result<Functions> Functions::of(const Vec<FunctionProto>& functions) {
  Functions all;
  for (const FunctionProto& f : functions) {
    if (all.functions_.emplace(std::tuple(f.domain, f.name, f.overload), &f).second) continue;
    return Error(kInvalidModel, fmt::format("the model has two functions {}.{}", f.domain, f.name));
  }
  return all;
}

const FunctionProto* Functions::find(const NodeProto& n) const {
  auto it = functions_.find(std::tuple(n.domain, n.op_type, n.overload));
  return it == functions_.end() ? nullptr : it->second;
}

Result<GraphProto> body_of(const FunctionProto& f, const Call& call) {
  RLX_TRY_VOID(check_call(f, call));
  GraphProto body;
  body.name = f.name;
  body.nodes = f.nodes;
  for (const std::string_view name : f.outputs) body.outputs.push_back({.name = name, .type = {}});
  Substitution(f, call).apply(body.nodes);
  return body;
}

size_t count_nodes(const GraphProto& g) {
  size_t count = g.nodes.size();
  for (const NodeProto& n : g.nodes) {
    for (const AttributeProto& a : n.attributes) {
      for (const GraphProto& inner : a.graphs) count += count_nodes(inner);
    }
  }
  return count;
}

}  // namespace rlx::onnx
