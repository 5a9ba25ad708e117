#include "passes/rules/rules.h"

namespace rlx {
namespace {

bool is_float_scalar(const Match& m, std::string_view name) {
  const Constant* c = m.graph.constant_of(m[name]);
  return c && c->elements() == 1 && is_float(c->dtype);
}

bool scales_by_s(const Match& m) { return is_float_scalar(m, "s") && m.is_inner(1); }

bool scales_twice(const Match& m) {
  return is_float_scalar(m, "s") && is_float_scalar(m, "t") && m.is_inner(1);
}

// A scale of an operand is a pass over it, a scale of the product is done where the product is at
// hand.
constexpr Rule kRules[] = {
    {"matmul(a, mul(b, s))", "mul(matmul(a, b), s)", scales_by_s},
    {"matmul(mul(a, s), b)", "mul(matmul(a, b), s)", scales_by_s},
    {"mul(mul(x, s), t)", "mul(x, mul(s, t))", scales_twice},
};

}  // namespace

std::span<const Rule> contraction_rules() { return kRules; }

}  // namespace rlx
