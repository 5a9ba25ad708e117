#include "backend/common/int_range.h"

#include <algorithm>

namespace rlx::backend {
namespace {

// Types whose products are numbers of an int64_t.
bool is_narrow(DType t) {
  return t == DType::kBool || t == DType::kI32 || (is_integer(t) && bits_of(t) < 32);
}

IntRange range_of_type(DType t) {
  if (!is_narrow(t)) return {};
  if (t == DType::kBool) return {0, 1};
  const int64_t end = int64_t{1} << value_bits(t);
  return {is_signed(t) ? -end : 0, end - 1};
}

IntRange product_of(const IntRange& a, const IntRange& b) {
  const auto [lo, hi] = std::minmax({a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi});
  return {lo, hi};
}

IntRange hull(const IntRange& a, const IntRange& b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

// Of all nodes up to one, in order; of other types than narrow ones nothing that means something.
class IntRanges {
 public:
  IntRanges(const Body& body, ExprId last) : body_(body) {
    for (uint32_t i = 0; i <= last.index; ++i) {
      const Expr& e = body[i];
      const IntRange exact = before_wrapping(e);
      ranges_.push_back(fits(exact, e.type) ? exact : range_of_type(e.type));
    }
  }

  IntRange last() const { return ranges_.back(); }

 private:
  IntRange before_wrapping(const Expr& e) const {
    if (!is_narrow(e.type)) return {};
    auto arg = [&](size_t i) { return ranges_[e.args[i].index]; };
    switch (e.fn) {
      case Fn::kConst: return {e.scalar.i, e.scalar.i};
      case Fn::kCast:
        return is_narrow(body_[e.args[0].index].type) ? arg(0) : range_of_type(e.type);
      case Fn::kAdd: return {arg(0).lo + arg(1).lo, arg(0).hi + arg(1).hi};
      case Fn::kSub: return {arg(0).lo - arg(1).hi, arg(0).hi - arg(1).lo};
      case Fn::kMul: return product_of(arg(0), arg(1));
      case Fn::kMin: return {std::min(arg(0).lo, arg(1).lo), std::min(arg(0).hi, arg(1).hi)};
      case Fn::kMax: return {std::max(arg(0).lo, arg(1).lo), std::max(arg(0).hi, arg(1).hi)};
      case Fn::kSelect: return hull(arg(1), arg(2));
      default: return range_of_type(e.type);
    }
  }

  const Body& body_;
  Vec<IntRange> ranges_;
};

}  // namespace

IntRange int_range(const Body& body, ExprId id) { return IntRanges(body, id).last(); }

bool fits(const IntRange& r, DType integer) {
  const IntRange all = range_of_type(integer);
  return r.lo >= all.lo && r.hi <= all.hi;
}

}  // namespace rlx::backend
