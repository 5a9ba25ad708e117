#include "plan/relax.h"

#include <algorithm>

#include "kernel/verify.h"

namespace rlx {

namespace {

bool reads_f32_alone(const Kernel& k, const Stage& s) {
  return std::ranges::all_of(s.reads,
                             [&](const Access& a) { return dtype_of(k, a) == DType::kF32; });
}

// Widened to f32, as both factors are.
bool multiplies_short_floats(const Stage& s) {
  return std::ranges::all_of(operands(s), [&](ExprId factor) {
    const Expr& wide = s.body[factor.index];
    if (wide.fn != Fn::kCast) return false;
    const DType type = s.body[wide.args[0].index].type;
    return type == DType::kBF16 || type == DType::kF16;
  });
}

bool may_relax(const Kernel& k, const Stage& s, Relaxed what) {
  if (what == Relaxed::kNothing || !is_product(s)) return false;
  if (what == Relaxed::kProducts || multiplies_short_floats(s)) return true;
  return s.kind() == Kind::kConv && reads_f32_alone(k, s);
}

}  // namespace

void relax_products(Vec<Unit>& units, const Vec<bool>& is_source, Relaxed what) {
  for (Unit& u : units) {
    const bool decides = std::ranges::any_of(
        u.kernel.args, [&](const Arg& a) { return a.written && is_source[a.value.index]; });
    for (Stage& s : u.kernel.stages) s.relaxed = !decides && may_relax(u.kernel, s, what);
  }
}

}  // namespace rlx
