#include "op/shared/heads.h"

#include "op/concat.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"

namespace rlx {
namespace {

// [batch, heads, positions, size] of one of q, k, v.
Vec<Dim> head_axes(const Vec<Dim>& shape, int64_t heads) {
  if (shape.size() == 4) return shape;
  return {shape[0], heads, shape[1], floor_div(shape[2], heads)};
}

Heads make_heads(const Vec<Dim>& q, const Vec<Dim>& k, const Vec<Dim>& v, const Dim& past) {
  return {.batch = q[0],
          .query_heads = q[1],
          .heads = k[1],
          .queries = q[2],
          .size = q[3],
          .value_size = v[3],
          .keys = past + k[2],
          .past = past};
}

Status check_operands(InferCtx& c, int64_t query_heads, int64_t heads) {
  const int rank = c.in(0).rank();
  if (rank != 3 && rank != 4) return c.error(kBadInput, "q has neither 3 nor 4 axes");
  if (rank == 3 && (query_heads <= 0 || heads <= 0)) {
    return c.error(kBadAttribute,
                   "inputs have 3 axes, and q_num_heads or kv_num_heads is not given");
  }
  for (const int i : {0, 1, 2}) {
    if (c.in(i).rank() != rank || c.in(i).dtype != c.in(0).dtype) {
      return c.error(kBadInput, "q, k and v differ in rank or element type");
    }
    if (rank == 4) continue;
    const int64_t count = i == 0 ? query_heads : heads;
    RLX_TRY_VOID(divided(c, c.in(i).shape[2], count, "the last axis by the number of heads"));
  }
  return {};
}

Status check_past(InferCtx& c, const Vec<Dim>& k, const Vec<Dim>& v) {
  if (c.has(4) != c.has(5)) return c.error(kBadInput, "past keys and past values come together");
  if (!c.has(4)) return {};
  for (const int i : {4, 5}) {
    const Type& past = c.in(i);
    if (past.rank() != 4 || past.dtype != c.in(0).dtype) {
      return c.error(kBadInput, "what is past is not [batch, heads, positions, size] of q's type");
    }
    const Vec<Dim>& now = i == 4 ? k : v;
    for (const size_t axis : {0U, 1U, 3U}) {
      RLX_TRY_VOID(c.require_equal(past.shape[axis], now[axis]));
    }
  }
  return c.require_equal(c.in(4).shape[2], c.in(5).shape[2]);
}

Status check_counts(const InferCtx& c, const Heads& h) {
  const auto queries = h.query_heads.constant(), keys = h.heads.constant();
  if (!queries || !keys) {
    return c.error(kMustBeKnown, "the numbers of heads are not known", "bind the dims");
  }
  if (*keys > 0 && *queries % *keys == 0) return {};
  return c.error(kBadInput, "the heads of q are no multiple of those of k");
}

}  // namespace

Result<Heads> infer_heads(InferCtx& c, int64_t query_heads, int64_t heads) {
  RLX_TRY_VOID(check_operands(c, query_heads, heads));
  const Vec<Dim> q = head_axes(c.in(0).shape, query_heads);
  const Vec<Dim> k = head_axes(c.in(1).shape, heads);
  const Vec<Dim> v = head_axes(c.in(2).shape, heads);
  RLX_TRY_VOID(check_past(c, k, v));
  const Heads h = make_heads(q, k, v, c.has(4) ? c.in(4).shape[2] : Dim(0));
  RLX_TRY_VOID(check_counts(c, h));
  RLX_TRY_VOID(c.require_equal(q[0], k[0]));
  RLX_TRY_VOID(c.require_equal(q[3], k[3]));
  for (const size_t axis : {0U, 1U, 2U}) RLX_TRY_VOID(c.require_equal(k[axis], v[axis]));
  return h;
}

HeadOperands::HeadOperands(Formula& f, const Node& block, int64_t query_heads, int64_t own) {
  const auto input = [&](size_t i) { return f.input(block, i); };
  const Wire past_keys = input(4), past_values = input(5);
  heads = make_heads(head_axes(input(0).shape(), query_heads), head_axes(input(1).shape(), own),
                     head_axes(input(2).shape(), own),
                     past_keys.valid() ? past_keys.shape()[2] : Dim(0));
  q = split(input(0), query_heads);
  keys = joined(past_keys, split(input(1), own));
  values = joined(past_values, split(input(2), own));
  k = keys;
  v = values;
  if (!is_grouped()) return;
  const Heads& h = heads;
  q = reshape(q, {h.batch, h.heads, h.group(), h.queries, h.size});
  k = reshape(k, {h.batch, h.heads, 1, h.keys, h.size});
  v = reshape(v, {h.batch, h.heads, 1, h.keys, h.value_size});
}

Wire HeadOperands::split(Wire x, int64_t count) {
  if (x.rank() == 4) return x;
  const Vec<Dim> shape = x.shape();
  const Wire apart = reshape(x, {shape[0], shape[1], count, floor_div(shape[2], count)});
  return transpose(apart, {0, 2, 1, 3});
}

Wire HeadOperands::joined(Wire past, Wire now) {
  if (!past.valid()) return now;
  return now.formula->make(attrs(ops::Concat{.axis = 2}), {past, now});
}

Wire HeadOperands::of_scores(Wire mask) const {
  if (!is_grouped() || mask.rank() < 3) return mask;
  Vec<Dim> shape = mask.shape();
  const auto axis = shape.end() - 3;
  const bool is_common = axis->is(1);
  if (!is_common) *axis = heads.heads;
  shape.insert(axis + 1, is_common ? Dim(1) : Dim(heads.group()));
  return reshape(mask, shape);
}

Wire HeadOperands::together(Wire y, const Dim& size) const {
  return reshape(y, {heads.batch, heads.query_heads, heads.queries, size});
}

Wire HeadOperands::of_batches(Wire x) const {
  Vec<Dim> shape(static_cast<size_t>(is_grouped() ? 5 : 4), Dim(1));
  shape[0] = heads.batch;
  return reshape(x, shape);
}

}  // namespace rlx
