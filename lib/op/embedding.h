// Rows of a table by number: what tokens are before the first layer.
#pragma once
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Inputs: ids[...], table[entries, width]. An id outside of the table is an error of the run, as an index of gather is;
// like there negative ones count from the end.
struct Embedding {
  static constexpr std::string_view name = "embedding";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = only(DType::kI32) | only(DType::kI64);
  static constexpr bool own = true;

  // What all rows are multiplied with.
  float scale = 1;

  static Result<Types> infer(const Embedding&, InferCtx& c) {
    const Type& table = c.in(1);
    if (table.rank() != 2 || !is_float(table.dtype)) {
      return c.error(kBadInput, "the table is no matrix of floats");
    }
    Vec<Dim> shape = c.in(0).shape;
    shape.push_back(table.shape[1]);
    return Types{Type::tensor(table.dtype, std::move(shape))};
  }

  static Result<Values> expand(const Embedding& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire rows = f.make("gather", {f(block.inputs[1]), f(block.inputs[0])});
    return f.values({rows * o.scale});
  }
};
RLX_OP(Embedding);

}  // namespace rlx::ops
