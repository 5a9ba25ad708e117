// Scaled dot-product attention of heads: softmax(q k^T * scale + mask) v (Vaswani et al., 2017). A row that sees no key
// gives zeros.
#pragma once
#include <cmath>
#include <limits>

#include "ir/builder.h"
#include "op/op.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"
#include "op/shared/heads.h"
#include "op/shared/places.h"

namespace rlx::ops {

// Inputs: q, k, v, all [batch, heads, positions, size] or all [batch, positions, heads * size]; a mask that broadcasts to
// [batch, query heads, queries, keys], of booleans (true: is seen) or of what is added to the scores; the keys and values
// of past positions, [batch, heads, positions, size], which come before those of k and v; how many keys and values
// of each batch are there, the rest being padding.
// Outputs: y, which has the axes of q; all keys and all values, [batch, heads, positions, size]; the scores.
//
// Query heads are a multiple of the others: as many beside each other share the keys and values of one.
struct Attention {
  static constexpr std::string_view name = "attention";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3, .optional = 4, .out = 4};
  static constexpr DTypes dtypes = kFloats;

  // 1: a query sees no key behind its own position.
  int64_t is_causal = 0;
  int64_t kv_num_heads = 0;
  // A query sees so many keys before its own position, and after it; -1: all.
  int64_t left_window_size = -1;
  int64_t q_num_heads = 0;
  // What the scores given are: 0 before softcap, 1 after it, 2 after the mask, 3 after softmax.
  int64_t qk_matmul_output_mode = 0;
  int64_t right_window_size = -1;
  // 0: 1 / sqrt(size).
  float scale = 0;
  // Above 0: scores become softcap * tanh(score / softcap).
  float softcap = 0;
  // ONNX's code of the type that softmax is computed in; 0: that of q.
  int64_t softmax_precision = 0;

  static Result<Types> infer(const Attention& o, InferCtx& c) {
    RLX_TRY_VOID(check_attributes(o, c));
    RLX_TRY(const Heads h, infer_heads(c, o.q_num_heads, o.kv_num_heads));
    if (o.scale == 0 && !h.size.constant()) {
      return c.error(kMustBeKnown, "the size of a head is not known",
                     "bind the dim, or give scale");
    }
    if (c.has(3)) RLX_TRY_VOID(check_mask(c, h));
    if (c.has(6)) RLX_TRY_VOID(check_lengths(c, h));
    Vec<Dim> y = {h.batch, h.query_heads, h.queries, h.value_size};
    if (c.in(0).rank() == 3) y = {h.batch, h.queries, h.query_heads * h.value_size};
    const DType type = c.in(0).dtype;
    Types out = {Type::tensor(type, std::move(y)),
                 Type::tensor(type, {h.batch, h.heads, h.keys, h.size}),
                 Type::tensor(type, {h.batch, h.heads, h.keys, h.value_size}),
                 Type::tensor(type, {h.batch, h.query_heads, h.queries, h.keys})};
    out.resize(static_cast<size_t>(c.outputs()));
    return out;
  }

  static Result<Values> expand(const Attention& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const HeadOperands in(f, block, o.q_num_heads, o.kv_num_heads);
    const Heads& h = in.heads;
    Vec<Wire> scores = {f.make("matmul", {in.q * factor(o, h), swap_last_axes(in.k)})};
    scores.push_back(capped(o, scores[0]));
    scores.push_back(masked(o, in, block, scores[1]));
    const bool may_be_blind = f.input(block, 3).valid() || has_places(o, f, block);
    scores.push_back(normalised(o, scores[2], may_be_blind));
    const Wire y = in.together(f.make("matmul", {scores[3], in.v}), h.value_size);
    Vec<Wire> outputs = {y, in.keys, in.values, f.none()};
    if (f(block.inputs[0]).rank() == 3) {
      outputs[0] =
          reshape(transpose(y, {0, 2, 1, 3}), {h.batch, h.queries, h.query_heads * h.value_size});
    }
    if (block.outputs.size() > 3) {
      outputs[3] = in.together(scores[static_cast<size_t>(o.qk_matmul_output_mode)], h.keys);
    }
    outputs.resize(block.outputs.size(), f.none());
    return f.values(outputs);
  }

 private:
  // ONNX's code.
  static constexpr int64_t kF64 = 11;
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  static Status check_attributes(const Attention& o, const InferCtx& c) {
    if (o.left_window_size < -1 || o.right_window_size < -1) {
      return c.error(kBadAttribute, "a window is smaller than -1");
    }
    if (o.qk_matmul_output_mode < 0 || o.qk_matmul_output_mode > 3) {
      return c.error(kBadAttribute, "qk_matmul_output_mode is none of 0, 1, 2, 3");
    }
    return {};
  }

  static Status check_mask(InferCtx& c, const Heads& h) {
    const Type& mask = c.in(3);
    if (mask.dtype != DType::kBool && mask.dtype != c.in(0).dtype) {
      return c.error(kBadInput, "the mask is neither of booleans nor of q's type");
    }
    if (mask.rank() < 1 || mask.rank() > 4) {
      return c.error(kBadInput, "the mask has not 1 to 4 axes");
    }
    const Vec<Dim> scores = {h.batch, h.query_heads, h.queries};
    for (int i = 2; i <= mask.rank(); ++i) {
      const Dim& extent = mask.shape[static_cast<size_t>(mask.rank() - i)];
      if (extent.is(1)) continue;
      RLX_TRY_VOID(c.require_equal(extent, scores[static_cast<size_t>(4 - i)]));
    }
    return is_short(mask.shape.back(), h.keys) ? Status()
                                               : c.require_equal(mask.shape.back(), h.keys);
  }

  // A mask that ends before the keys do hides the rest of them.
  static bool is_short(const Dim& mask, const Dim& keys) {
    return mask.constant() && keys.constant() && *mask.constant() < *keys.constant();
  }

  static Status check_lengths(InferCtx& c, const Heads& h) {
    if (c.has(4)) return c.error(kBadInput, "lengths of keys do not go with past keys");
    if (c.in(6).rank() != 1 || !is_integer(c.in(6).dtype)) {
      return c.error(kBadInput, "the lengths of keys are not integers [batch]");
    }
    return c.require_equal(c.in(6).shape[0], h.batch);
  }

  static double factor(const Attention& o, const Heads& h) {
    if (o.scale != 0) return static_cast<double>(o.scale);
    return 1 / std::sqrt(static_cast<double>(*h.size.constant()));
  }

  static Wire capped(const Attention& o, Wire scores) {
    if (o.softcap <= 0) return scores;
    const auto cap = static_cast<double>(o.softcap);
    const Wire part = scores.formula->make("tanh", {scores * (1 / cap)});
    return part * cap;
  }

  // Whether what a query sees hangs on where it stands, and maybe is nothing. The first key is seen by all that are
  // causal, but where lengths say where queries stand.
  static bool has_places(const Attention& o, Formula& f, const Node& block) {
    return o.left_window_size >= 0 || o.right_window_size >= 0 || f.input(block, 6).valid();
  }

  static Wire masked(const Attention& o, const HeadOperands& in, const Node& block, Wire scores) {
    Formula& f = *scores.formula;
    const Wire mask = whole_mask(in, f.input(block, 3));
    Wire seen = seen_by_place(o, in, f.input(block, 6));
    if (mask.valid() && mask.dtype() == DType::kBool) seen = both(seen, mask);
    if (mask.valid() && mask.dtype() != DType::kBool) scores = scores + mask;
    if (!seen.valid()) return scores;
    return f.make("where", {seen, scores, f.number(in.q.dtype(), -kInfinity)});
  }

  // As it broadcasts to the scores.
  static Wire whole_mask(const HeadOperands& in, Wire mask) {
    if (!mask.valid()) return mask;
    const Wire fitting = in.of_scores(mask);
    const Dim extent = mask.shape().back();
    if (!is_short(extent, in.heads.keys)) return fitting;
    const Wire hidden = mask.dtype() == DType::kBool
                            ? mask.formula->number(DType::kBool, 0.0)
                            : mask.formula->number(mask.dtype(), -kInfinity);
    Formula& f = *mask.formula;
    return f.make("pad", {fitting, f.integers(Vec<Dim>{0, in.heads.keys - extent}), hidden,
                          f.integers(Vec<int>{-1})});
  }

  static Wire both(Wire a, Wire b) {
    if (!a.valid()) return b;
    return b.valid() ? b.formula->make("and", {a, b}) : a;
  }

  // [.., queries, keys], or nothing where all are seen.
  static Wire seen_by_place(const Attention& o, const HeadOperands& in, Wire lengths) {
    Formula& f = *in.q.formula;
    const Heads& h = in.heads;
    Wire seen = f.none();
    const Wire keys = reshape(counted(f, h.keys), {1, h.keys});
    if (lengths.valid()) {
      lengths = in.of_batches(cast(lengths, DType::kI64));
      seen = f.make("less", {keys, lengths});
    }
    const Wire first = lengths.valid() ? lengths - f.number(DType::kI64, h.queries)
                                       : f.number(DType::kI64, h.past);
    const Wire places = reshape(counted(f, h.queries), {h.queries, 1}) + first;
    if (o.is_causal != 0) seen = both(seen, f.make("less_or_equal", {keys, places}));
    if (o.right_window_size >= 0) {
      const Wire last = places + f.number(DType::kI64, static_cast<double>(o.right_window_size));
      seen = both(seen, f.make("less_or_equal", {keys, last}));
    }
    if (o.left_window_size >= 0) {
      const Wire start = places - f.number(DType::kI64, static_cast<double>(o.left_window_size));
      seen = both(seen, f.make("greater_or_equal", {keys, start}));
    }
    return seen;
  }

  // Softmax, but 0 in rows of which nothing is seen. It is computed in f32 at least.
  static Wire normalised(const Attention& o, Wire scores, bool may_be_blind) {
    Formula& f = *scores.formula;
    const DType type = scores.dtype();
    const Wire wide = o.softmax_precision == kF64 ? cast(scores, DType::kF64) : scores;
    if (!may_be_blind) return cast(f.make("softmax", {wide}), type);
    const int last = scores.rank() - 1;
    const Wire top = reduce("reduce_max", wide, {last});
    const Wire blind = f.make("equal", {top, f.number(wide.dtype(), -kInfinity)});
    const Wire level = f.make("where", {blind, f.number(wide.dtype(), 0.0), top});
    const Wire shares = f.make("exp", {wide - level});
    const Wire all = sum(shares, {last});
    const Wire whole = f.make("where", {blind, f.number(wide.dtype(), 1.0), all});
    return cast(shares / whole, type);
  }
};
RLX_OP(Attention);

}  // namespace rlx::ops
