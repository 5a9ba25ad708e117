#include "passes/differentiate.h"

#include <fmt/format.h>

#include "op/shared/formula.h"
#include "passes/codes.h"

namespace rlx {
namespace {

class Differentiator {
 public:
  Differentiator(Graph& g, ValueId loss, const Values& by)
      : g_(g), loss_(loss), depends_(depending_on(g, by, kFloats)), builder_(g, Graph::kTop, {}) {}

  Status run() {
    builder_.set_origin(g_.origin_of(loss_));
    RLX_TRY(grads_[loss_], filled(builder_, loss_, 1));
    const Vec<NodeId> nodes = g_.top().nodes;
    // The last node is the one whose gradient is there in whole.
    for (size_t i = nodes.size(); i-- > 0;) RLX_TRY_VOID(pass_back(nodes[i]));
    return {};
  }

  Result<ValueId> by(ValueId input) {
    if (auto grad = grads_.find(input); grad != grads_.end()) return grad->second;
    builder_.set_origin(g_.origin_of(loss_));
    return filled(builder_, input, 0);
  }

 private:
  Status pass_back(NodeId id) {
    const Node& n = g_[id];
    GradIn in{.node = id, .inputs = n.inputs, .outputs = n.outputs};
    bool any = false;
    for (const ValueId v : n.outputs) {
      const auto grad = depends_[v.index] ? grads_.find(v) : grads_.end();
      in.outer.push_back(grad == grads_.end() ? ValueId() : grad->second);
      any = any || in.outer.back().valid();
    }
    if (!any) return {};
    for (const ValueId v : n.inputs) in.wanted.push_back(v.valid() && depends_[v.index]);
    if (!n.op().grad || !n.regions.empty()) return no_way_through(g_, id, "gradient");
    builder_.set_origin(n.origin);
    RLX_TRY(const Values grads, n.op().grad(n.attrs.data(), builder_, in));
    RLX_CHECK(grads.size() == in.inputs.size(), "a gradient for each input");
    for (size_t i = 0; i < grads.size(); ++i) {
      if (in.wanted[i] && grads[i].valid()) RLX_TRY_VOID(accumulate(in.inputs[i], grads[i]));
    }
    return {};
  }

  // Of all that read v, the last one first.
  Status accumulate(ValueId v, ValueId grad) {
    RLX_CHECK(g_[grad].type.dtype == g_[v].type.dtype, "a gradient has its input's element type");
    Formula f(builder_);
    // The same extents may be written otherwise.
    Wire sum = reshape(f(grad), g_[v].type.shape);
    const auto other = grads_.find(v);
    if (other != grads_.end()) sum = f(other->second) + sum;
    RLX_TRY(const Values made, f.values({sum}));
    grads_[v] = made[0];
    return {};
  }

  Graph& g_;
  const ValueId loss_;
  // By value of the model: whether it has a gradient that somebody asks for.
  const Vec<bool> depends_;
  std::map<ValueId, ValueId> grads_;
  GraphBuilder builder_;
};

Status check_loss(const Graph& g, ValueId loss, const std::string& name) {
  const Type& type = g[loss].type;
  if (type.is_tensor() && is_float(type.dtype) && type.elements().is(1)) return {};
  return Error(kUnfitValue,
               fmt::format("--grad: output \"{}\" is {}, not one float", name, to_text(type)),
               "a loss is one number: let the model sum it up");
}

}  // namespace

Status differentiate(Graph& g, const ByInputs& asked) {
  if (!asked.is_asked()) return {};
  RLX_TRY(const ValueId loss, output_named(g, asked.name, "--grad"));
  RLX_TRY_VOID(check_loss(g, loss, asked.name));
  RLX_TRY(const Values inputs, inputs_named(g, asked.inputs, kFloats, "--grad"));
  Differentiator d(g, loss, inputs);
  RLX_TRY_VOID(d.run());
  Values outputs = {loss};
  Vec<std::string> names = {asked.name};
  for (const ValueId input : inputs) {
    RLX_TRY(const ValueId grad, d.by(input));
    outputs.push_back(grad);
    names.push_back("grad_" + g[input].name);
  }
  set_outputs(g, std::move(outputs), std::move(names));
  keep_assumptions(g, "the gradient");
  return {};
}

}  // namespace rlx
