// Linear attention whose memory forgets and corrects itself (Gated DeltaNet): of each head a matrix S, and step by step
//   S = exp(g) S;  S = S + k (beta (v - k S));  y = q S.
#pragma once
#include <cmath>

#include "op/gather.h"
#include "op/loop.h"
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"
#include "op/shared/map.h"

namespace rlx::ops {

// Inputs: q[batch, sequence, heads, key], k as q, v[batch, sequence, heads, value], g[batch, sequence, heads], which is
// a logarithm, beta as g, and optionally the memory before, state[batch, heads, key, value], which is 0 where it is left
// out. Outputs: y, as v, and optionally the memory after the last step. Computed in f32 where elements have 16 bits.
struct GatedDeltaNet {
  static constexpr std::string_view name = "gated_delta_net";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 5, .optional = 1, .out = 2};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  // What q is multiplied with; 1 / sqrt(key) where it is left out.
  std::optional<float> scale = {};

  static Result<Types> infer(const GatedDeltaNet& o, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    const Type& q = c.in(0);
    const Type& v = c.in(2);
    if (q.rank() != 4 || v.rank() != 4) {
      return c.error(kBadInput, "q or v is not [batch, sequence, heads, width]");
    }
    if (!o.scale && !q.shape[3].constant()) {
      return c.error(kMustBeKnown, "the width of q is not known", "give scale");
    }
    const Dim &batch = q.shape[0], &length = q.shape[1], &heads = q.shape[2];
    const Vec<Dim> step = {batch, length, heads}, memory = {batch, heads, q.shape[3], v.shape[3]};
    RLX_TRY_VOID(require_shape(c, 1, q.shape));
    RLX_TRY_VOID(require_shape(c, 2, {batch, length, heads, v.shape[3]}));
    RLX_TRY_VOID(require_shape(c, 3, step));
    RLX_TRY_VOID(require_shape(c, 4, step));
    if (c.has(5)) RLX_TRY_VOID(require_shape(c, 5, memory));
    return Types{v, Type::tensor(q.dtype, memory)};
  }

  static Result<Values> expand(const GatedDeltaNet& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const DType type = f(block.inputs[0]).dtype(), compute = compute_type(type);
    const auto by_step = [&](size_t i) {
      const Wire x = cast(f(block.inputs[i]), compute);
      return transpose(x, x.rank() == 4 ? Vec<int>{1, 0, 2, 3} : Vec<int>{1, 0, 2});
    };
    const Vec<Dim> q = f(block.inputs[0]).shape(), v = f(block.inputs[2]).shape();
    const Vec<Wire> steps = {by_step(0) * scale_of(o, q[3]), by_step(1), by_step(2), by_step(3),
                             by_step(4)};
    const Wire state = f.input(block, 5);
    const Wire before =
        state.valid() ? cast(state, compute) : f.full(compute, {q[0], q[2], q[3], v[3]}, 0.0);
    RLX_TRY(const Values inputs, f.values({before}));
    RLX_TRY(const Values sources, f.values(steps));
    // A copy: new values move the graph's.
    const Type memory = b.type(inputs[0]);
    RLX_TRY(const RegionId body, one_step(b, sources, memory));
    const ValueId trips = b.dims({q[1]}, 0);
    const ValueId yes = b.constant(make_constant(DType::kBool, {}, "\1"));
    RLX_TRY(const Values made, b.add(attrs(Loop{}), {trips, yes, inputs[0]}, {body}, 2));
    const Wire y = transpose(f(made[1]), {1, 0, 2, 3});
    Vec<Wire> outputs = {cast(y, type), cast(f(made[0]), type)};
    outputs.resize(block.outputs.size(), f.none());
    return f.values(outputs);
  }

 private:
  static Status require_shape(InferCtx& c, int i, const Vec<Dim>& shape) {
    const Type& t = c.in(i);
    if (t.rank() != static_cast<int>(shape.size())) {
      return c.error(kBadInput, "input " + std::to_string(i) + " has not " +
                                    std::to_string(shape.size()) + " axes");
    }
    for (size_t k = 0; k < shape.size(); ++k) RLX_TRY_VOID(c.require_equal(t.shape[k], shape[k]));
    return {};
  }

  static double scale_of(const GatedDeltaNet& o, const Dim& width) {
    if (o.scale) return *o.scale;
    return 1 / std::sqrt(static_cast<double>(*width.constant()));
  }

  // The loop's body: the memory after the step, and what the step gives. `sources` are q, k, v, g, beta with the
  // sequence in front.
  static Result<RegionId> one_step(GraphBuilder& b, const Values& sources, const Type& memory) {
    Graph& g = b.graph();
    const RegionId body = g.add_region();
    g[body].captures = sources;
    const ValueId step = g.add_argument(body, Type::tensor(DType::kI64, {}));
    const ValueId goes_on = g.add_argument(body, Type::tensor(DType::kBool, {}));
    const ValueId state = g.add_argument(body, memory);
    GraphBuilder inside(g, body, b.origin());
    Formula f(inside);
    // A row of a head, or a number of it.
    const auto now = [&](size_t i, const Dim& rows, const Dim& columns) {
      const Wire x = f.make(attrs(Gather{.axis = 0}), {f(sources[i]), f(step)});
      return reshape(x, {memory.shape[0], memory.shape[1], rows, columns});
    };
    const Dim &key = memory.shape[2], &value = memory.shape[3];
    const Wire decay = f.make("exp", {now(3, 1, 1)});
    const Wire kept = f(state) * decay;
    const Wire recalled = f.make("matmul", {now(1, 1, key), kept});
    const Wire wrong = now(2, 1, value) - recalled;
    const Wire correction = wrong * now(4, 1, 1);
    const Wire learned = now(1, key, 1) * correction;
    const Wire next = kept + learned;
    const Wire y = f.make("matmul", {now(0, 1, key), next});
    const Wire row = reshape(y, {memory.shape[0], memory.shape[1], value});
    RLX_TRY(g[body].results, f.values({f(goes_on), next, row}));
    return body;
  }
};
RLX_OP(GatedDeltaNet);

}  // namespace rlx::ops
