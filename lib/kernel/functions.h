// The table of scalar functions (kernel/functions.def). Few files include this: a new row compiles
// these again and no others.
#pragma once
#include <span>

#include "kernel/real.h"

namespace rlx {

// The ids of macros: macro::kExp, ..., after those of the core in expr.h.
namespace macro {
namespace ids {
enum : uint8_t {
  kLastOfCore = kCoreFnCount - 1,
#define RLX_FN(...)
#define RLX_MACRO(id, ...) id,
#include "kernel/functions.def"
#undef RLX_MACRO
#undef RLX_FN
  kCount
};
}  // namespace ids

#define RLX_FN(...)
#define RLX_MACRO(id, ...) inline constexpr Fn id{ids::id};
#include "kernel/functions.def"
#undef RLX_MACRO
#undef RLX_FN
}  // namespace macro

inline constexpr int kFnCount = macro::ids::kCount;

// The operands x of a function and its value f(x), as nodes of one body, give its partial
// derivatives by the operands that have its type, in order. Where there is none, at a step or a
// corner, it is that of one side.
using Derive = Vec<Real> (*)(std::span<const Real> x, Real value);

struct Function {
  Fn fn;
  std::string_view name;
  int operands;
  // What operands may be; nothing for leaves and casts, whose type is their own.
  DTypes takes;
  enum class Gives : uint8_t { kOwn, kOperand, kBool } gives;
  // The greatest error in units of the last place: functions.def says of what.
  double ulp_f32, ulp_f64;
  // Null: none, as of what is no function of reals.
  Derive derive;
  // Of a macro.
  Real (*expand)(std::span<const Real> x);
};

const Function& function_of(Fn fn);

}  // namespace rlx
