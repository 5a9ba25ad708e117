// Sums of products in Einstein's notation: axes of one label have one index, and what the output does not name is summed
// up. "bij,bjk->bik" is a matrix product.
#pragma once
#include <map>

#include "ir/builder.h"
#include "op/op.h"
#include "op/shared/einstein.h"

namespace rlx::ops {

// A block of one matrix product, or one product, for each operand after the first, in their order.
struct Einsum {
  static constexpr std::string_view name = "einsum";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .variadic = true};
  static constexpr DTypes dtypes = kNumbers;

  std::string equation = {};

  static Result<Types> infer(const Einsum& o, InferCtx& c) {
    RLX_TRY_VOID(require_same_dtype(c));
    Vec<int> ranks;
    for (int i = 0; i < c.inputs(); ++i) ranks.push_back(c.in(i).rank());
    const std::optional<Equation> e = parse_equation(o.equation, ranks);
    if (!e) {
      return c.error(kBadAttribute, "equation \"" + o.equation + "\" is none of these operands");
    }
    std::map<Label, Dim> extents;
    for (int i = 0; i < c.inputs(); ++i) {
      RLX_TRY_VOID(join_extents(c, i, e->operands[static_cast<size_t>(i)], extents));
    }
    Vec<Dim> shape;
    for (const Label l : e->output) shape.push_back(extents.at(l));
    return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
  }

  static Result<Values> expand(const Einsum& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    Vec<Wire> operands;
    Vec<int> ranks;
    for (const ValueId v : block.inputs) {
      operands.push_back(f(v));
      ranks.push_back(operands.back().rank());
    }
    return f.values({einstein_sum(operands, *parse_equation(o.equation, ranks))});
  }

 private:
  // Labels of two operands broadcast, those of one have one extent.
  static Status join_extents(InferCtx& c, int operand, const Vec<Label>& labels,
                             std::map<Label, Dim>& all) {
    std::map<Label, Dim> own;
    for (size_t axis = 0; axis < labels.size(); ++axis) {
      const Dim& d = c.in(operand).shape[axis];
      const auto [at, is_new] = own.emplace(labels[axis], d);
      if (!is_new) RLX_TRY_VOID(c.require_equal(at->second, d));
    }
    for (const auto& [label, extent] : own) {
      const auto [at, is_new] = all.emplace(label, extent);
      if (is_new) continue;
      RLX_TRY(at->second, c.broadcast(at->second, extent));
    }
    return {};
  }
};
RLX_OP(Einsum);

}  // namespace rlx::ops
