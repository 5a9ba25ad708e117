#include "backend/cpu/match.h"

#include "backend/cpu/float_range.h"

namespace rlx::cpu {

namespace {

bool is_constant(const Expr& e, double value) {
  return e.fn == Fn::kConst && e.scalar.as_double() == value;
}

class Matcher {
 public:
  explicit Matcher(const Body& body) : body_(body) {}

  std::optional<Scaled> scaled(const Expr& e) const {
    if (e.fn != Fn::kMul || e.type != DType::kF32) return std::nullopt;
    const Expr& inner = at(e.args[0]);
    if (inner.fn != Fn::kMul || !is_near_one(inner.args[0])) return std::nullopt;
    auto half = power_of_two(inner.args[1]);
    auto rest = power_of_two(e.args[1]);
    if (!half || !rest) return std::nullopt;
    auto whole = sum_of_halves(*half, *rest);
    if (!whole || at(*whole).fn != Fn::kCast) return std::nullopt;
    ExprId exponent = at(*whole).args[0];
    if (!is_rounded(exponent)) return std::nullopt;
    return Scaled{inner.args[0], exponent};
  }

 private:
  const Expr& at(ExprId id) const { return body_[id.index]; }

  // 1 + x: neither the first factor nor the product with it leaves the range of normal numbers.
  bool is_near_one(ExprId id) const {
    return at(id).fn == Fn::kAdd && is_constant(at(at(id).args[1]), 1);
  }

  // k of bitcast((k + 127) << 23).
  std::optional<ExprId> power_of_two(ExprId id) const {
    const Expr& cast = at(id);
    if (cast.fn != Fn::kBitcast) return std::nullopt;
    const Expr& shift = at(cast.args[0]);
    if (shift.fn != Fn::kShl || !is_constant(at(shift.args[1]), 23)) return std::nullopt;
    const Expr& sum = at(shift.args[0]);
    if (sum.fn != Fn::kAdd || !is_constant(at(sum.args[1]), 127)) return std::nullopt;
    return sum.args[0];
  }

  // n where half = n >> 1 and rest = n - half.
  std::optional<ExprId> sum_of_halves(ExprId half, ExprId rest) const {
    const Expr &h = at(half), &r = at(rest);
    if (h.fn != Fn::kShr || !is_constant(at(h.args[1]), 1)) return std::nullopt;
    bool is_rest = r.fn == Fn::kSub && r.args[0] == h.args[0] && r.args[1] == half;
    return is_rest ? std::optional(h.args[0]) : std::nullopt;
  }

  bool is_rounded(ExprId id) const {
    FloatRange range = float_range(body_, id);
    return at(id).fn == Fn::kRoundEven && range.lo >= -200 && range.hi <= 200;
  }

  const Body& body_;
};

}  // namespace

std::optional<Scaled> match_scaled(const Body& body, const Expr& e) {
  return Matcher(body).scaled(e);
}

}  // namespace rlx::cpu
