#include "backend/common/float_range.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rlx::backend {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr FloatRange kAny{-kInfinity, kInfinity};
// Clamps stand close to what they guard; deeper chains are not worth the search.
constexpr int kDepth = 8;

class Ranges {
 public:
  explicit Ranges(const Body& body) : body_(body) {}

  FloatRange of(ExprId id, int depth) const {
    const Expr& e = body_[id.index];
    if (e.fn == Fn::kConst) return constant(e);
    if (depth == 0) return kAny;
    auto arg = [&](size_t i) { return of(e.args[i], depth - 1); };
    switch (e.fn) {
      case Fn::kMax: return max(arg(0), arg(1));
      case Fn::kMin: return min(arg(0), arg(1));
      case Fn::kRoundEven: return rounded(arg(0));
      case Fn::kFloor: return rounded(arg(0));
      case Fn::kCeil: return rounded(arg(0));
      case Fn::kTrunc: return rounded(arg(0));
      case Fn::kMul: return product(arg(0), arg(1));
      case Fn::kSelect: return select(e, depth);
      default: return kAny;
    }
  }

 private:
  static FloatRange constant(const Expr& e) {
    return is_float(e.type) && !std::isnan(e.scalar.f) ? FloatRange{e.scalar.f, e.scalar.f} : kAny;
  }

  static FloatRange max(FloatRange a, FloatRange b) {
    return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
  }
  static FloatRange min(FloatRange a, FloatRange b) {
    return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
  }

  // To an integer next to it, in either direction.
  static FloatRange rounded(FloatRange a) { return {a.lo - 1, a.hi + 1}; }

  // The product of two bounded numbers, with room for its rounding.
  static FloatRange product(FloatRange a, FloatRange b) {
    const double most = std::max(std::fabs(a.lo), std::fabs(a.hi)) *
                        std::max(std::fabs(b.lo), std::fabs(b.hi)) * (1 + 0x1p-20);
    return most < kInfinity ? FloatRange{-most, most} : kAny;
  }

  FloatRange select(const Expr& e, int depth) const {
    const FloatRange then = where(e.args[0], true, e.args[1], depth);
    const FloatRange otherwise = where(e.args[0], false, e.args[2], depth);
    return {std::min(then.lo, otherwise.lo), std::max(then.hi, otherwise.hi)};
  }

  // The range of x where the condition is `truth`: x < c, say, says something of x.
  FloatRange where(ExprId condition, bool truth, ExprId x, int depth) const {
    FloatRange r = of(x, depth - 1);
    const Expr& test = body_[condition.index];
    if (test.args.size() != 2 || test.args[0] != x) return r;
    const Expr& bound = body_[test.args[1].index];
    if (bound.fn != Fn::kConst || !is_float(bound.type)) return r;
    const bool less = test.fn == Fn::kLt || test.fn == Fn::kLe;
    const bool greater = test.fn == Fn::kGt || test.fn == Fn::kGe;
    if (less == greater) return r;
    if (less == truth) r.hi = std::min(r.hi, bound.scalar.f);
    if (less != truth) r.lo = std::max(r.lo, bound.scalar.f);
    return r;
  }

  const Body& body_;
};

}  // namespace

FloatRange float_range(const Body& body, ExprId id) { return Ranges(body).of(id, kDepth); }

bool fits(const FloatRange& r, DType integer) {
  auto digits = value_bits(integer);
  const double end = std::ldexp(1, digits);
  return r.hi < end && r.lo >= (is_signed(integer) ? -end : 0);
}

}  // namespace rlx::backend
