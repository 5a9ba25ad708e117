// Bodies as code: strict IEEE, the same bits as the interpreter (kernel/eval.h).
//
// A value is a scalar as long as it is the same in every lane, else a vector of Point::lanes.count lanes;
// mixing widens. Elements of values: i1 for bool, iN for integers, i16 (the bits) for f16 and bf16, which are
// only moved and cast, float and double.
#pragma once
#include "backend/llvm/emit_dim.h"

namespace rlx::backend {

// What a body's leaves are.
struct Leaves {
  // The value of a read (Stage::reads); `nodes` holds the values of earlier nodes, for expr indexes.
  llvm::function_ref<llvm::Value*(uint32_t read, const Regs& nodes)> load;
  // An index expression, i64 or one per lane.
  llvm::function_ref<llvm::Value*(const Dim& d)> index;
  // The accumulators; empty where the body has none.
  Regs acc = {};
};

// The values of all nodes that `roots` need, by ExprId; the others are null. The body has no macros
// (expand_math).
Regs emit_body(Function& f, const Stage& s, const Vec<ExprId>& roots, const Leaves& leaves);

// The element type of a value, and of memory.
llvm::Type* value_type(Function& f, DType t);
llvm::Type* memory_type(Function& f, DType t);
llvm::Constant* emit_scalar(Function& f, const Scalar& s);

// One function of operands of type `operand` (kFma too), the result of type `result`.
llvm::Value* emit_fn(Function& f, Fn fn, DType operand, DType result, Regs args);

}  // namespace rlx::backend
