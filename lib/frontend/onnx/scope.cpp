#include "frontend/onnx/scope.h"

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/types.h"

namespace rlx::onnx {
namespace {

Error taken(std::string_view name) {
  return Error(kInvalidModel, fmt::format("the name \"{}\" is defined twice", name));
}

}  // namespace

Status Scope::declare(const GraphProto& g) {
  for (const auto* infos : {&g.inputs, &g.outputs, &g.value_infos}) {
    for (const ValueInfoProto& v : *infos) declared_.emplace(v.name, &v.type);
  }
  Vec<Diagnostic> twice;
  for (const TensorProto& t : g.initializers) {
    if (!initializers_.emplace(t.name, &t).second) twice.push_back(taken(t.name).first());
  }
  if (!twice.empty()) return Error(std::move(twice));
  return {};
}

Status Scope::define(std::string_view name, ValueId v) {
  if (is_initializer(name) || !values_.emplace(name, v).second) return taken(name);
  Value& value = graph_[v];
  if (!value.name.empty()) return {};
  value.name = name;
  auto declared = declared_.find(name);
  if (value.def.kind == ValueDef::Kind::kNode && declared != declared_.end()) {
    value.declared = declared_type(*declared->second);
  }
  return {};
}

Result<ValueId> Scope::find(std::string_view name) {
  for (Scope* scope = this; scope; scope = scope->outer_) {
    RLX_TRY(ValueId v, scope->find_here(name));
    if (!v.valid()) continue;
    capture(v, *scope);
    return v;
  }
  return ValueId();
}

Result<ValueId> Scope::find_here(std::string_view name) {
  if (auto it = values_.find(name); it != values_.end()) return it->second;
  auto it = initializers_.find(name);
  if (it == initializers_.end()) return ValueId();
  auto constant = tensors_.constant(*it->second);
  ValueId v =
      constant ? graph_.add_constant(std::move(*constant), std::string(name)) : placeholder(graph_);
  values_.emplace(name, v);
  if (!constant) return std::move(constant.error());
  return v;
}

// Constants belong to no region and are seen from everywhere.
void Scope::capture(ValueId v, const Scope& from) {
  if (graph_.constant_of(v)) return;
  for (Scope* scope = this; scope != &from; scope = scope->outer_) {
    if (scope->captured_.insert(v).second) graph_[scope->region_].captures.push_back(v);
  }
}

std::string Scope::describe(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->outer_) {
    auto value = scope->values_.find(name);
    if (value != scope->values_.end()) {
      const Type& type = graph_[value->second].type;
      if (type.is_tensor()) return fmt::format("{}: {}", name, to_text(type));
    }
    auto declared = scope->declared_.find(name);
    if (declared == scope->declared_.end()) continue;
    std::string text = declared_text(*declared->second);
    return text.empty() ? text : fmt::format("{}: {}", name, text);
  }
  return {};
}

ValueId placeholder(Graph& graph) {
  graph.values.emplace_back();
  return ValueId(graph.values.size() - 1);
}

}  // namespace rlx::onnx
