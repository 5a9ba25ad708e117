#include <cmath>

#include "kernel/storage.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

bool is_float_scalar(const Match& m, std::string_view name) {
  const Constant* c = m.graph.constant_of(m[name]);
  return c && c->elements() == 1 && is_float(c->dtype);
}

bool scales_by_s(const Match& m) { return is_float_scalar(m, "s") && m.is_inner(1); }

double value_of(const Match& m, std::string_view name) {
  const Constant* c = m.graph.constant_of(m[name]);
  return scalar_at(c->dtype, c->data.bytes().data()).as_double();
}

// Whether the type holds the value with all of its digits.
bool is_normal_in(DType t, double value) {
  return std::isfinite(Scalar::of(t, value).f) && std::fabs(value) >= least_normal(t);
}

// Both factors grow or both shrink, so that the product in between overflows or vanishes only where the
// result does; and so does no constant that was none.
bool scales_twice(const Match& m) {
  if (!is_float_scalar(m, "s") || !is_float_scalar(m, "t") || !m.is_inner(1)) return false;
  const double s = value_of(m, "s"), t = value_of(m, "t");
  const bool one_way = (std::fabs(s) >= 1) == (std::fabs(t) >= 1);
  const DType type = m.graph.constant_of(m["s"])->dtype;
  return one_way && is_normal_in(type, s) && is_normal_in(type, t) && is_normal_in(type, s * t);
}

// A scale of an operand is a pass over it, a scale of the product is done where the product is at
// hand; but where the sums overflow then is another place.
constexpr Rule kContraction[] = {
    {Math::kFast, "matmul(a, mul(b, s))", "mul(matmul(a, b), s)", scales_by_s},
    {Math::kFast, "matmul(mul(a, s), b)", "mul(matmul(a, b), s)", scales_by_s},
    {Math::kDefault, "mul(mul(x, s), t)", "mul(x, mul(s, t))", scales_twice},
};

}  // namespace

std::span<const Rule> contraction_rules() { return kContraction; }

}  // namespace rlx
