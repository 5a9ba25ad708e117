#include "plan/relax.h"

#include <algorithm>

#include "kernel/verify.h"

namespace rlx {

namespace {

bool reads_f32_alone(const Kernel& k, const Stage& s) {
  return std::ranges::all_of(s.reads,
                             [&](const Access& a) { return dtype_of(k, a) == DType::kF32; });
}

bool may_relax(const Kernel& k, const Stage& s, Relaxed what) {
  if (what == Relaxed::kNothing || !is_product(s)) return false;
  return what == Relaxed::kProducts || (s.kind() == Kind::kConv && reads_f32_alone(k, s));
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
