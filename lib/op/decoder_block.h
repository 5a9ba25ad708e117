// A layer of a decoder as Llama has it: x += attention(rms_norm(x)), then x += swiglu(rms_norm(x)), with positions turned
// into queries and keys.
#pragma once
#include "op/attention.h"
#include "op/op.h"
#include "op/rms_normalization.h"
#include "op/rotary_embedding.h"
#include "op/shared/codes.h"
#include "op/shared/projection.h"
#include "op/swiglu.h"

namespace rlx::ops {

// Inputs: x[batch, sequence, width], attention_norm[width], q_w[width, heads * head_dim], k_w[width, kv_heads * head_dim],
// v_w as k_w, o_w[heads * head_dim, width], network_norm[width], up_w, gate_w and down_w of swiglu, cos and sin of
// rotary_embedding for tokens [batch, sequence, head_dim / 2], or tables [any, head_dim / 2] with the positions [batch,
// sequence] as the first input that may be left out; then the mask of attention, and the keys and values of past positions,
// [batch, kv_heads, past, head_dim]. With trans_w each weight has its two axes the other way round.
// Outputs: y, as x, and optionally all keys and all values. A head's elements lie beside each other: head * head_dim.
struct DecoderBlock {
  static constexpr std::string_view name = "decoder_block";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 12, .optional = 4, .out = 3};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool own = true;

  // The first three have no default.
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  float epsilon = 1e-5F;
  // Of swiglu.
  std::string activation = "silu";
  int64_t is_causal = 1;
  // Of rotary_embedding.
  int64_t interleaved = 0;
  int64_t trans_w = 0;

  static Result<Types> infer(const DecoderBlock& o, InferCtx& c) {
    RLX_TRY_VOID(check_attributes(o, c));
    const Type& x = c.in(kX);
    if (x.rank() != 3) return c.error(kBadInput, "x is not [batch, sequence, width]");
    const Dim& width = x.shape[2];
    for (const int norm : {kAttentionNorm, kNetworkNorm}) {
      if (c.in(norm).rank() != 1) return c.error(kBadInput, "a norm is no vector");
      RLX_TRY_VOID(c.require_equal(c.in(norm).shape[0], width));
    }
    const Dim queries = Dim(o.heads) * o.head_dim, keys = Dim(o.kv_heads) * o.head_dim;
    RLX_TRY_VOID(check_projection(o, c, kQ, width, queries));
    RLX_TRY_VOID(check_projection(o, c, kK, width, keys));
    RLX_TRY_VOID(check_projection(o, c, kV, width, keys));
    RLX_TRY_VOID(check_projection(o, c, kO, queries, width));
    RLX_TRY_VOID(check_gated(c, kUp, width, {.transposed = o.trans_w != 0}));
    Dim length = x.shape[1];
    if (c.has(kPastKeys)) {
      if (c.in(kPastKeys).rank() != 4) {
        return c.error(kBadInput, "past keys are not [batch, heads, past, size]");
      }
      length = length + c.in(kPastKeys).shape[2];
    }
    const Type all = Type::tensor(x.dtype, {x.shape[0], o.kv_heads, length, o.head_dim});
    return Types{x, all, all};
  }

  static Result<Values> expand(const DecoderBlock& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    Vec<Wire> in;
    for (const ValueId v : block.inputs) in.push_back(f(v));
    in.resize(kPastValues + 1, f.none());
    const Vec<Wire> attended = attention_of(o, in, block.outputs.size());
    const Wire middle = in[kX] + projected(attended[0], in[kO], o.trans_w != 0);
    const Swiglu network{.activation = o.activation, .trans_w = o.trans_w};
    const Wire inner = f.make(
        attrs(network), {normalised(o, middle, in[kNetworkNorm]), in[kUp], in[kGate], in[kDown]});
    Vec<Wire> outputs = attended;
    outputs[0] = middle + inner;
    return f.values(outputs);
  }

 private:
  enum Input {
    kX,
    kAttentionNorm,
    kQ,
    kK,
    kV,
    kO,
    kNetworkNorm,
    kUp,
    kGate,
    kDown,
    kCosines,
    kSines,
    kPositions,
    kMask,
    kPastKeys,
    kPastValues
  };

  static Status check_attributes(const DecoderBlock& o, const InferCtx& c) {
    const bool fits = o.heads > 0 && o.kv_heads > 0 && o.head_dim > 0 && o.heads % o.kv_heads == 0;
    if (fits) return check_activation(c, o.activation);
    return c.error(kBadAttribute, "heads, kv_heads and head_dim are not all given and above 0",
                   "heads are a multiple of kv_heads");
  }

  static Status check_projection(const DecoderBlock& o, InferCtx& c, int weights, const Dim& in,
                                 const Dim& out) {
    RLX_TRY(const Dim made, infer_projection(c, weights, in, {.transposed = o.trans_w != 0}));
    return c.require_equal(made, out);
  }

  static Wire normalised(const DecoderBlock& o, Wire x, Wire scale) {
    return x.formula->make(attrs(RmsNormalization{.epsilon = o.epsilon}), {x, scale});
  }

  // What the heads see, [batch, sequence, heads * head_dim], then keys and values.
  static Vec<Wire> attention_of(const DecoderBlock& o, const Vec<Wire>& in, size_t outputs) {
    Formula& f = *in[kX].formula;
    const Wire x = normalised(o, in[kX], in[kAttentionNorm]);
    const auto turned = [&](Input weights, int64_t heads) {
      const RotaryEmbedding rotary{.interleaved = o.interleaved, .num_heads = heads};
      const Wire rows = projected(x, in[weights], o.trans_w != 0);
      return f.make(attrs(rotary), {rows, in[kCosines], in[kSines], in[kPositions]});
    };
    const Wire q = turned(kQ, o.heads), k = turned(kK, o.kv_heads);
    const Wire v = projected(x, in[kV], o.trans_w != 0);
    const Attention attention{
        .is_causal = o.is_causal, .kv_num_heads = o.kv_heads, .q_num_heads = o.heads};
    return f.make_all(attrs(attention), {q, k, v, in[kMask], in[kPastKeys], in[kPastValues]},
                      static_cast<int>(outputs));
  }
};
RLX_OP(DecoderBlock);

}  // namespace rlx::ops
