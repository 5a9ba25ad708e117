#include "op/shared/projection.h"

#include <algorithm>
#include <array>

#include "op/gelu.h"
#include "op/shared/codes.h"

namespace rlx {
namespace {

constexpr std::array<std::string_view, 7> kActivations = {"none", "relu",    "gelu", "gelu_tanh",
                                                          "silu", "sigmoid", "tanh"};

}  // namespace

Result<Dim> infer_projection(InferCtx& c, int weights, const Dim& in, Projection p) {
  const Type& w = c.in(weights);
  if (w.rank() != p.rank()) {
    return c.error(kBadInput, "weights of input " + std::to_string(weights) + " have not " +
                                  std::to_string(p.rank()) + " axes");
  }
  const auto row = static_cast<size_t>(p.rank() - (p.transposed ? 1 : 2));
  const auto column = static_cast<size_t>(p.rank() - (p.transposed ? 2 : 1));
  RLX_TRY_VOID(c.require_equal(w.shape[row], in));
  return w.shape[column];
}

Wire projected(Wire x, Wire weights, bool transposed) {
  const Wire columns = transposed ? swap_last_axes(weights) : weights;
  return x.formula->make("matmul", {x, columns});
}

Status check_activation(const InferCtx& c, const std::string& name) {
  if (std::ranges::find(kActivations, name) != kActivations.end()) return {};
  return c.error(kBadAttribute, "no activation is called \"" + name + "\"",
                 "there are none, relu, gelu, gelu_tanh, silu, sigmoid, tanh");
}

Wire activated(Wire x, const std::string& name) {
  if (name == "none") return x;
  if (name == "silu") return x * x.formula->make("sigmoid", {x});
  if (name == "gelu_tanh") return x.formula->make(attrs(ops::Gelu{.approximate = "tanh"}), {x});
  return x.formula->make(name, {x});
}

Status check_gated(InferCtx& c, int up, const Dim& in, Projection p) {
  RLX_TRY(const Dim hidden, infer_projection(c, up, in, p));
  RLX_TRY(const Dim gate, infer_projection(c, up + 1, in, p));
  RLX_TRY_VOID(c.require_equal(gate, hidden));
  RLX_TRY(const Dim out, infer_projection(c, up + 2, hidden, p));
  return c.require_equal(out, in);
}

Wire gated(Wire x, const GatedWeights& weights, const std::string& activation) {
  const Wire up = projected(x, weights.up, weights.transposed);
  const Wire gate = activated(projected(x, weights.gate, weights.transposed), activation);
  return projected(gate * up, weights.down, weights.transposed);
}

}  // namespace rlx
