// What each function of Expr computes, over strips of elements: for the interpreter and for
// folding.
#pragma once
#include <span>

#include "kernel/expr.h"

namespace rlx {

// Operands and result are arrays of `count` elements of their dtypes; a bool is a byte of 0 or 1.
// fn is no leaf and no macro, the dtypes are those that result_type() allows. `out` may be an
// operand.
void eval(Fn fn, DType operand, DType result, std::span<const std::byte* const> args,
          std::byte* out, int64_t count);

}  // namespace rlx
