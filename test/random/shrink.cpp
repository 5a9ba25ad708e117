#include "test/random/shrink.h"

#include <algorithm>

#include "test/random/steps.h"

namespace rlx::random {
namespace {

class Shrinker {
 public:
  Shrinker(Trial t, const Fails& fails, int tries)
      : best_(std::move(t)), fails_(fails), tries_(tries) {}

  Trial run() {
    for (bool smaller = true; smaller && tries_ > 0;) {
      smaller = single_output();
      smaller |= leave_regions();
      smaller |= fewer_steps();
      smaller |= earlier_outputs();
      smaller |= close_extents();
      smaller |= nodes_to_inputs();
      smaller |= merge_values();
      smaller |= smaller_extents();
      smaller |= drop_attributes();
      smaller |= drop_inputs();
    }
    return std::move(best_);
  }

 private:
  // Takes the model if it still fails.
  bool take(Model m) {
    if (tries_-- <= 0) return false;
    m = told(pruned(m));
    if (m.nodes.empty() || !m.allows(m.binding())) return false;
    Trial t{std::move(m), best_.at, best_.ways};
    if (!t.model.has_open()) t.at = At::kValues, t.ways.bound = false;
    if (!fails_(t)) return false;
    best_ = std::move(t);
    return true;
  }

  const Model& model() const { return best_.model; }

  bool single_output() {
    if (model().outputs.size() <= 1) return false;
    for (int v : Vec<int>(model().outputs)) {
      Model m = model();
      m.outputs = {v};
      if (take(std::move(m))) return true;
    }
    bool any = false;
    for (size_t i = model().outputs.size(); i-- > 0 && model().outputs.size() > 1;) {
      Model m = model();
      if (i >= m.outputs.size()) continue;
      m.outputs.erase(m.outputs.begin() + static_cast<int64_t>(i));
      any |= take(std::move(m));
    }
    return any;
  }

  bool fewer_steps() {
    for (int64_t steps = 1; steps < model().steps; ++steps) {
      Model m = model();
      m.steps = steps;
      if (take(std::move(m))) return true;
    }
    return false;
  }

  // The model up to a node.
  bool earlier_outputs() {
    if (model().outputs.size() != 1) return false;
    for (const Node& n : Vec<Node>(model().nodes)) {
      bool last =
          std::find(n.outputs.begin(), n.outputs.end(), model().outputs[0]) != n.outputs.end();
      if (last) continue;
      Model m = model();
      m.outputs = {n.outputs[0]};
      if (take(std::move(m))) return true;
    }
    return false;
  }

  bool leave_regions() {
    bool any = false;
    for (size_t i = 0; i < model().nodes.size(); ++i) {
      if (model().nodes[i].around == Around::kNothing) continue;
      Model m = model();
      m.nodes[i].around = Around::kNothing;
      any |= take(std::move(m));
    }
    return any;
  }

  bool close_extents() {
    bool any = false;
    for (size_t i = 0; i < model().extents.size(); ++i) {
      if (!model().extents[i].open) continue;
      Model m = model();
      m.extents[i].open = false;
      if (best_.at != At::kValues) m.extents[i].value = best_.at == At::kOnes ? 1 : 0;
      any |= take(std::move(m));
    }
    return any;
  }

  // What a node gives is given.
  bool nodes_to_inputs() {
    bool any = false;
    for (size_t i = 0; i < model().nodes.size(); ++i) {
      for (int v : Vec<int>(model().nodes[i].outputs)) {
        Model m = model();
        if (std::find(m.outputs.begin(), m.outputs.end(), v) != m.outputs.end()) continue;
        Value& value = m.values[static_cast<size_t>(v)];
        if (value.role != Value::Role::kNode || value.is_opaque || is_shape(m, v)) continue;
        Fill whole{.kind = Fill::Kind::kWhole,
                   .lo = is_signed(value.dtype) || is_float(value.dtype) ? -3.0 : 0.0,
                   .hi = 3};
        if (value.dtype == DType::kBool) whole.hi = 1;
        value.role = Value::Role::kInput, value.fill = whole;
        std::erase(m.nodes[i].outputs, v);
        if (m.nodes[i].outputs.empty()) m.nodes.erase(m.nodes.begin() + static_cast<int64_t>(i));
        if (take(std::move(m))) {
          any = true;
          // Nodes have moved.
          i = 0;
          break;
        }
      }
    }
    return any;
  }

  // A vector of extents has to be what it is.
  static bool is_shape(const Model& m, int v) {
    const Value& value = m.values[static_cast<size_t>(v)];
    if (value.dtype != DType::kI64 || value.shape.size() > 1) return false;
    return std::any_of(m.nodes.begin(), m.nodes.end(), [&](const Node& n) {
      for (size_t i = 1; i < n.inputs.size(); ++i) {
        bool shape = n.op == "Reshape" || n.op == "Expand" || n.op == "Slice" || n.op == "Concat";
        if (shape && n.inputs[i] == v) return true;
      }
      return false;
    });
  }

  // A reader of one value reads another of the same type, one that was there before.
  bool merge_values() {
    bool any = false;
    for (size_t i = model().nodes.size(); i-- > 0;) {
      if (i >= model().nodes.size()) continue;
      const Node n = model().nodes[i];
      for (int from : n.outputs) {
        for (int to : n.inputs) {
          if (to < 0 || i >= model().nodes.size()) continue;
          if (static_cast<size_t>(from) >= model().values.size() ||
              static_cast<size_t>(to) >= model().values.size()) {
            continue;
          }
          const Value &f = model().values[static_cast<size_t>(from)],
                      &t = model().values[static_cast<size_t>(to)];
          bool node = t.role != Value::Role::kConstant || !contains_output(from);
          const bool alike = f.dtype == t.dtype && f.shape == t.shape;
          if (!alike || f.is_opaque || t.is_opaque || !node) continue;
          Model m = model();
          replace(m, from, to);
          if (take(std::move(m))) {
            any = true;
            break;
          }
        }
        if (any) break;
      }
      if (any) break;
    }
    return any;
  }

  bool contains_output(int v) const {
    return std::find(model().outputs.begin(), model().outputs.end(), v) != model().outputs.end();
  }

  static void replace(Model& m, int from, int to) {
    for (Node& n : m.nodes) std::replace(n.inputs.begin(), n.inputs.end(), from, to);
    std::replace(m.outputs.begin(), m.outputs.end(), from, to);
  }

  bool smaller_extents() {
    bool any = false;
    for (size_t i = 0; i < model().extents.size(); ++i) {
      if (!is_used(model().extents[i].name)) continue;
      const int64_t was = model().extents[i].value;
      for (int64_t value : {int64_t{1}, int64_t{2}, int64_t{3}, was / 2, was - 2, was - 1}) {
        if (value < 1 || value >= was) continue;
        Model m = model();
        m.extents[i].value = value;
        if (!take(std::move(m))) continue;
        any = true;
        break;
      }
    }
    return any;
  }

  bool is_used(const std::string& name) const {
    bool used = false;
    for (const Value& v : model().values) {
      for (const Dim& d : v.shape) each_atom(d, [&](const Atom& a) { used |= a.symbol == name; });
    }
    return used;
  }

  bool drop_attributes() {
    bool any = false;
    for (size_t i = 0; i < model().nodes.size(); ++i) {
      for (size_t a = model().nodes[i].attributes.size(); a-- > 0;) {
        const std::string& name = model().nodes[i].attributes[a].first;
        // The type and the extents that are recorded hang on these.
        bool needed = name == "to" || name == "perm" || name == "axis" || name == "keepdims" ||
                      name == "num_outputs" || name == "value";
        if (needed) continue;
        Model m = model();
        m.nodes[i].attributes.erase(m.nodes[i].attributes.begin() + static_cast<int64_t>(a));
        any |= take(std::move(m));
        if (i >= model().nodes.size()) return any;
        a = std::min(a, model().nodes[i].attributes.size());
      }
    }
    return any;
  }

  // The third input of products, norms and the like is optional.
  bool drop_inputs() {
    bool any = false;
    for (size_t i = 0; i < model().nodes.size(); ++i) {
      const Node& n = model().nodes[i];
      bool optional = n.op == "Conv" || n.op == "Gemm" || n.op == "LayerNormalization";
      bool variadic = n.op == "Sum" || n.op == "Max" || n.op == "Min" || n.op == "Mean";
      const size_t least = optional ? 2 : 1;
      if ((!optional && !variadic) || n.inputs.size() <= least) continue;
      Model m = model();
      m.nodes[i].inputs.pop_back();
      any |= take(std::move(m));
    }
    return any;
  }

  Trial best_;
  const Fails& fails_;
  int tries_;
};

}  // namespace

namespace {

// What is not fed back.
Vec<HostTensor> given_in(const Model& m, const Binding& binding, size_t step) {
  Vec<HostTensor> given = inputs_of(m, binding, static_cast<int64_t>(step));
  for (const Round& r : rounds_of(m)) {
    std::erase_if(given, [&](const HostTensor& t) {
      return t.name == m.values[static_cast<size_t>(r.past)].name;
    });
  }
  return given;
}

}  // namespace

std::optional<Case> case_of(const Model& m, At at) {
  Binding b = m.binding();
  Case c;
  for (const Extent& e : m.extents) {
    if (!e.open) continue;
    if (at != At::kValues) b[e.name] = at == At::kOnes ? 1 : 0;
    c.open[e.name] = b[e.name];
  }
  if (!m.allows(b)) return std::nullopt;
  c.onnx = to_onnx(m);
  c.inputs = inputs_of(m, b);
  c.tolerances = tolerances_of(m);
  const Vec<Binding> steps = bindings_of_steps(m, b);
  for (size_t i = 1; i < steps.size(); ++i) c.later.push_back(given_in(m, steps[i], i));
  return c;
}

Trial shrunk(Trial t, const Fails& fails, int tries) {
  return Shrinker(std::move(t), fails, tries).run();
}

}  // namespace rlx::random
