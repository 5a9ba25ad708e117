#include "op/shared/batching.h"

#include "op/shared/codes.h"

namespace rlx {

Vec<Dim> batched_shape(const BatchIn& in, Vec<Dim> shape) {
  shape.insert(shape.begin(), in.extent);
  return shape;
}

Wire batched_input(Formula& f, const BatchIn& in, size_t i) {
  const Wire x = f(in.inputs[i]);
  return in.batched[i] ? x : expand(x, batched_shape(in, x.shape()));
}

bool others_are_batched(const BatchIn& in) {
  return std::any_of(in.batched.begin() + 1, in.batched.end(), [](bool b) { return b; });
}

Error not_batched(GraphBuilder& g, const BatchIn& in, std::string_view what) {
  std::string message(what);
  message += " cannot have an axis more";
  return Error(diagnostic_of(g.graph(), in.node, kUnsupportedForm, std::move(message)));
}

Result<Values> batch_with(GraphBuilder& g, const BatchIn& in, Attrs attrs) {
  if (others_are_batched(in)) return not_batched(g, in, "an input besides the first");
  const auto outputs = static_cast<int>(g.graph()[in.node].outputs.size());
  return g.add(std::move(attrs), in.inputs, outputs);
}

Result<Values> batch_of_images(GraphBuilder& g, const BatchIn& in) {
  if (others_are_batched(in)) return not_batched(g, in, "an input besides the images");
  const Node node = g.graph()[in.node];
  Formula f(g);
  Vec<Wire> inputs;
  for (const ValueId v : in.inputs) inputs.push_back(f(v));
  Vec<Dim> joined = inputs[0].shape();
  joined[1] = joined[0] * joined[1];
  joined.erase(joined.begin());
  inputs[0] = reshape(inputs[0], joined);
  Vec<Wire> outputs = f.make_all(node.attrs, inputs, static_cast<int>(node.outputs.size()));
  for (size_t i = 0; i < outputs.size(); ++i) {
    outputs[i] = reshape(outputs[i], batched_shape(in, g.type(node.outputs[i]).shape));
  }
  return f.values(outputs);
}

}  // namespace rlx
