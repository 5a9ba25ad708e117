// What blocks of models are made of: products with weight matrices, and activations by name.
#pragma once
#include "ir/infer_ctx.h"
#include "op/shared/formula.h"

namespace rlx {

// How weights lie: [in, out], as in x W, or [out, in], as torch.nn.Linear has them. In front of these axes each expert
// may have its own.
struct Projection {
  bool transposed = false;
  bool by_expert = false;

  int rank() const { return by_expert ? 3 : 2; }
};

// How many elements weights, the input of that number, make of `in`. Error kBadInput where they are no such matrices.
Result<Dim> infer_projection(InferCtx& c, int weights, const Dim& in, Projection p);
Wire projected(Wire x, Wire weights, bool transposed);

// "none", "relu", "gelu", "gelu_tanh", "silu", "sigmoid" or "tanh". Error kBadAttribute.
Status check_activation(const InferCtx& c, const std::string& name);
// Of a name that inference has accepted.
Wire activated(Wire x, const std::string& name);

// A feed-forward network with a gate: (activation(x gate) * (x up)) down. The weights are inputs `up`, the one after it and
// the one after that, and what comes out has `in` elements again.
Status check_gated(InferCtx& c, int up, const Dim& in, Projection p);
struct GatedWeights {
  Wire up, gate, down;
  bool transposed = false;
};
Wire gated(Wire x, const GatedWeights& weights, const std::string& activation);

}  // namespace rlx
