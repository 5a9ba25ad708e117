// Queries, keys and values as an attention takes them: heads as an axis of their own or beside each other in the last one.
#pragma once
#include "ir/infer_ctx.h"
#include "op/shared/formula.h"

namespace rlx {

struct Heads {
  Dim batch, query_heads, heads, queries, size, value_size;
  // Of all keys, and of those that come from past positions.
  Dim keys, past;

  // Query heads that share the keys of one; 1 where every head has its own.
  int64_t group() const { return *query_heads.constant() / *heads.constant(); }
};

// Of inputs q, k, v, and past keys and values as inputs 4 and 5. The numbers of heads are those of inputs with three axes,
// or 0.
Result<Heads> infer_heads(InferCtx& c, int64_t query_heads, int64_t heads);

// The same in a formula, whose inputs inference has accepted, as operands of products: [batch, heads, positions, size], and
// where heads share keys [batch, heads, group, positions, size].
class HeadOperands {
 public:
  HeadOperands(Formula& f, const Node& block, int64_t query_heads, int64_t own);

  Wire q, k, v;
  // [batch, heads, positions, size], those of the past before the others.
  Wire keys, values;
  Heads heads;

  // What broadcasts to [batch, query heads, queries, keys], as it broadcasts to the product of q and k.
  Wire of_scores(Wire mask) const;
  // A number of each batch, as it broadcasts to that product.
  Wire of_batches(Wire x) const;
  // [batch, query heads, queries, size] of a product's rows.
  Wire together(Wire y, const Dim& size) const;

 private:
  bool is_grouped() const { return heads.group() != 1; }
  static Wire split(Wire x, int64_t count);
  static Wire joined(Wire past, Wire now);
};

}  // namespace rlx
