// A sum of products as nodes that rlx has: diagonals, transposes, reductions, and for two operands one product.
#pragma once
#include "op/shared/codes.h"
#include "op/shared/equation.h"
#include "op/shared/formula.h"
#include "op/shared/map.h"

namespace rlx {

Wire einstein_sum(const Vec<Wire>& operands, const Equation& e);

}  // namespace rlx
