#include "frontend/onnx/list_inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontend/codes.h"

namespace rlx::onnx {
namespace {

constexpr std::string_view kEmpty = "[]";

bool is_list(const TypeProto& type) {
  return type.kind == TypeProto::Kind::kSequence || type.kind == TypeProto::Kind::kOptional;
}

// "", ".0", ".0.0": the first that comes of an input.
bool is_first(std::string_view label) {
  if (label.ends_with(kEmpty)) label.remove_suffix(kEmpty.size());
  while (label.starts_with(".0")) label.remove_prefix(2);
  return label.empty();
}

// What has no name comes in the order of the inputs.
InputShapes named(const InputShapes& shapes, const Vec<const ValueInfoProto*>& inputs) {
  InputShapes out = shapes;
  size_t next = 0;
  for (auto& [name, extents] : out) {
    const bool is_label = name.empty() || name[0] == '.' || name == kEmpty;
    if (!is_label) continue;
    next += is_first(name);
    if (next > 0 && next <= inputs.size()) name.insert(0, inputs[next - 1]->name);
  }
  return out;
}

}  // namespace

ListInputs::ListInputs(const Vec<const ValueInfoProto*>& inputs, const InputShapes& shapes,
                       Vec<Diagnostic>& problems)
    : shapes_(named(shapes, inputs)) {
  for (const ValueInfoProto* v : inputs) {
    if (!is_list(v->type)) {
      held_.push_back({.name = std::string(v->name), .tensor = tensors_.size()});
      tensors_.push_back(v);
      continue;
    }
    auto list = held(v->type, std::string(v->name));
    if (!list) problems.push_back(list.error().first());
    held_.push_back(list ? *std::move(list) : Held{.kind = v->type.kind});
  }
}

Result<ListInputs::Held> ListInputs::held(const TypeProto& type, const std::string& name) {
  return is_list(type) ? held_list(type, name) : add_element(type, name);
}

Result<ListInputs::Held> ListInputs::held_list(const TypeProto& type, const std::string& name) {
  Held list{.name = name, .kind = type.kind};
  const bool is_optional = type.kind == TypeProto::Kind::kOptional;
  if (std::ranges::find(shapes_, name + "[]", &InputShapes::value_type::first) != shapes_.end()) {
    return list;
  }
  const size_t most = is_optional ? 1 : shapes_.size();
  for (size_t i = 0; i < most; ++i) {
    const std::string element = fmt::format("{}.{}", name, i);
    if (!is_given(element)) break;
    RLX_TRY(Held held, this->held(type.element.front(), element));
    list.elements.push_back(std::move(held));
  }
  if (!list.elements.empty()) return list;
  return Error(
      kUnsupportedType,
      fmt::format("input \"{}\" is {}, and nothing tells what it holds", name,
                  is_optional ? "an optional" : "a sequence"),
      fmt::format("rlxc --shape {0}.0=2,3 for its first tensor, and so on, or --shape {0}=[] "
                  "for none; rlx-run MODEL also sees it from its inputs",
                  name));
}

// Extents of elements differ: only numbers are said of all.
ListInputs::Held ListInputs::add_element(const TypeProto& type, const std::string& name) {
  ValueInfoProto& info = infos_.emplace_back();
  info.name = names_.emplace_back(name);
  info.type = type;
  for (DimProto& d : info.type.dims) d.param = {};
  const auto given = std::ranges::find(shapes_, name, &InputShapes::value_type::first);
  if (!type.has_shape && given != shapes_.end()) {
    info.type.has_shape = true;
    info.type.dims.assign(given->second.size(), {});
  }
  tensors_.push_back(&info);
  return {.name = name, .tensor = tensors_.size() - 1};
}

// It, or what it holds.
bool ListInputs::is_given(const std::string& name) const {
  return std::ranges::any_of(shapes_, [&](const auto& shape) {
    const std::string_view other = shape.first;
    if (!other.starts_with(name)) return false;
    const std::string_view rest = other.substr(name.size());
    return rest.empty() || rest[0] == '.' || rest == kEmpty;
  });
}

ValueId ListInputs::made(const Held& held, const Values& tensors, Graph& g) {
  if (held.kind == TypeProto::Kind::kTensor) return tensors[held.tensor];
  Values elements;
  for (const Held& e : held.elements) elements.push_back(made(e, tensors, g));
  const bool is_optional = held.kind == TypeProto::Kind::kOptional;
  const OpDef* op = find_op(is_optional ? "optional" : "sequence_construct");
  const NodeId id =
      g.add_node(Graph::kTop, Attrs(op), std::move(elements), {Type::unknown()}, {held.name});
  return g[id].outputs[0];
}

}  // namespace rlx::onnx
