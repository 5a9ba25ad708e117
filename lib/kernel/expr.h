// Scalar expressions as data: the body of a stage.
//
// A Body is a list of nodes, each used by later ones only, so that evaluation is one loop.
// Transcendentals are single nodes here and are expanded by expand_math() to fma, bit operations
// and selects before any backend or the interpreter sees them: all of them compute the same bits.
#pragma once
#include "kernel/storage.h"

namespace rlx {

// Every function has one result, bit for bit (NaNs' payloads aside), whoever computes it:
// kernel/eval.h does in C++. 16-bit floats are only loaded, stored, selected and cast; arithmetic
// on them is in f32.
//
// These are the core, for which every backend has code. Ids above it are macros, named in
// kernel/functions.h; what is said of a function stands in the table kernel/functions.def.
enum class Fn : uint8_t {
  // Leaves.
  kConst,  // scalar
  kIndex,  // dim: an i64 expression over loops and symbols
  kLoad,   // index: which of the stage's reads
  kAcc,    // index: which accumulator (of a reduce, scan, contract or conv)
  // Arithmetic; operands and result have one type. Integer division truncates (a divisor of 0
  // counts as 1), integer overflow wraps, kRem has the dividend's sign.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kRem,
  kFma,
  kNeg,
  kAbs,
  kSqrt,
  kFloor,
  kCeil,
  kRoundEven,
  kTrunc,
  // max(a, b) = b > a or b is NaN ? b : a; min likewise. NaN if either operand is NaN.
  kMin,
  kMax,
  // Of integers and bools (kNot of bools: logical). Shifts take their count modulo the width; kShr
  // extends the sign of signed types.
  kAnd,
  kOr,
  kXor,
  kNot,
  kShl,
  kShr,
  // bool result. Comparisons with NaN are false, kNe is true.
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kIsNan,
  kIsInf,
  // args: condition, then, else
  kSelect,
  // To the node's type: float to integer truncates and saturates, NaN becomes 0; integers wrap; to
  // bool is != 0; to and from 16-bit floats goes through f32.
  kCast,
  // Between types of one size.
  kBitcast,
};

inline constexpr int kCoreFnCount = static_cast<int>(Fn::kBitcast) + 1;

// "add", "load", ...
std::string_view name(Fn fn);
std::optional<Fn> fn_named(std::string_view name);
// Operands; 0 for a leaf.
int arity(Fn fn);
bool is_macro(Fn fn);

struct Expr {
  Fn fn = Fn::kConst;
  DType type = DType::kF32;
  Vec<ExprId> args = {};
  // kLoad, kAcc
  uint32_t index = 0;
  // kConst
  Scalar scalar = {};
  // kIndex
  Dim dim = {};

  bool operator==(const Expr&) const = default;
};

using Body = Vec<Expr>;

// The result's type, given the operands'; nullopt where the node's own type says it (leaves and
// casts) or where the function takes no such operands.
std::optional<DType> result_type(Fn fn, const Vec<DType>& operands);

// Appends e, or finds the same node, or one that is bit for bit as good: constants are folded, x *
// 1 is x.
ExprId add(Body& body, Expr e);
ExprId add_const(Body& body, const Scalar& s);

// Replaces macros by their expansions (kernel/expr_math.h). No node goes away or
// changes its place relative to others; ids in `roots` are updated.
void expand_math(Body& body, Vec<ExprId>& roots);

}  // namespace rlx
