#include "op/shared/map_hooks.h"

#include <algorithm>

#include "op/shared/derivation.h"

namespace rlx {

Result<Values> grad_of_map(GraphBuilder& g, const GradIn& in) {
  RLX_TRY(const Kernel k, lower(g.graph(), in.node));
  Formula f(g);
  Derivation d(f, k);
  d.sweep_back(f(in.outer[0]));
  Vec<Wire> grads(in.inputs.size(), f.none());
  for (size_t i = 0; i < in.inputs.size(); ++i) {
    const bool first = std::find(in.inputs.begin(), in.inputs.begin() + static_cast<int64_t>(i),
                                 in.inputs[i]) == in.inputs.begin() + static_cast<int64_t>(i);
    if (!in.wanted[i] || !first) continue;
    const Vec<Dim> shape = f(in.inputs[i]).shape();
    for (const Wire& w : d.gradients(in.inputs[i])) grads[i] = added(grads[i], sum_to(w, shape));
  }
  return f.values(grads);
}

Result<Values> jvp_of_map(GraphBuilder& g, const JvpIn& in) {
  RLX_TRY(const Kernel k, lower(g.graph(), in.node));
  Formula f(g);
  Derivation d(f, k);
  for (size_t i = 0; i < in.inputs.size(); ++i) {
    if (in.tangents[i].valid()) d.set_tangent(in.inputs[i], f(in.tangents[i]));
  }
  const Vec<Dim> shape = f(in.outputs[0]).shape();
  return f.values({expand(d.sweep_forward(), shape)});
}

// Batched inputs get axes of extent 1 behind the new one, so that all axes meet those that they met.
Result<Values> batch_of_map(GraphBuilder& g, const BatchIn& in) {
  const Node node = g.graph()[in.node];
  const auto rank = static_cast<size_t>(g.type(node.outputs[0]).rank());
  Formula f(g);
  Vec<Wire> inputs;
  for (size_t i = 0; i < in.inputs.size(); ++i) {
    inputs.push_back(f(in.inputs[i]));
    if (!in.batched[i]) continue;
    Vec<Dim> shape = inputs[i].shape();
    shape.insert(shape.begin() + 1, rank + 1 - shape.size(), Dim(1));
    inputs[i] = reshape(inputs[i], shape);
  }
  return f.values({f.make(node.attrs, inputs)});
}

Result<Values> grad_of_reshape(GraphBuilder& g, const GradIn& in) {
  Formula f(g);
  Vec<Wire> grads(in.inputs.size(), f.none());
  grads[0] = reshape(f(in.outer[0]), f(in.inputs[0]).shape());
  return f.values(grads);
}

Result<Values> batch_of_reshape(GraphBuilder& g, const BatchIn& in) {
  Formula f(g);
  Vec<Dim> shape = g.type(g.graph()[in.node].outputs[0]).shape;
  shape.insert(shape.begin(), in.extent);
  return f.values({reshape(f(in.inputs[0]), shape)});
}

Result<Values> jvp_of_linear(GraphBuilder& g, const JvpIn& in) {
  const Node node = g.graph()[in.node];
  Values inputs = in.inputs;
  inputs[0] = in.tangents[0];
  return g.add(node.attrs, std::move(inputs), static_cast<int>(in.outputs.size()));
}

Result<Values> grad_of_steps(const GradIn& in) { return Values(in.inputs.size()); }

}  // namespace rlx
