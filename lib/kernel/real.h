// Expressions of one float type over a body, written as formulas: what expansions are made with.
#pragma once
#include <span>

#include "kernel/expr.h"

namespace rlx {

// A value of type f32, f64, or an integer of their size.
struct Real {
  Body* body = nullptr;
  ExprId id;

  DType type() const { return (*body)[id.index].type; }
  bool is_wide() const { return size_of(type()) == 8; }
  // The integers of its size.
  DType bits_type() const { return is_wide() ? DType::kI64 : DType::kI32; }

  Real node(Fn fn, DType result, Vec<ExprId> args) const {
    return {body, add(*body, {.fn = fn, .type = result, .args = std::move(args)})};
  }
  Real apply(Fn fn) const { return node(fn, type(), {id}); }
  Real apply(Fn fn, Real b) const { return node(fn, type(), {id, b.id}); }
  Real test(Fn fn, Real b) const { return node(fn, DType::kBool, {id, b.id}); }
  Real cast(DType to) const { return node(Fn::kCast, to, {id}); }
  Real bitcast(DType to) const { return node(Fn::kBitcast, to, {id}); }
  // Constants of its type.
  Real number(double value) const { return {body, add_const(*body, Scalar::of(type(), value))}; }
  Real whole(int64_t value) const {
    return {body, add_const(*body, Scalar::of_int(type(), value))};
  }
  // One of two by the width of its type.
  double pick(double narrow, double wide) const { return is_wide() ? wide : narrow; }
  std::span<const double> pick(std::span<const double> narrow, std::span<const double> wide) const {
    return is_wide() ? wide : narrow;
  }
};

inline Real operator+(Real a, Real b) { return a.apply(Fn::kAdd, b); }
inline Real operator-(Real a, Real b) { return a.apply(Fn::kSub, b); }
inline Real operator*(Real a, Real b) { return a.apply(Fn::kMul, b); }
inline Real operator/(Real a, Real b) { return a.apply(Fn::kDiv, b); }
inline Real operator&(Real a, Real b) { return a.apply(Fn::kAnd, b); }
inline Real operator|(Real a, Real b) { return a.apply(Fn::kOr, b); }
inline Real operator<<(Real a, int64_t n) { return a.apply(Fn::kShl, a.whole(n)); }
inline Real operator>>(Real a, int64_t n) { return a.apply(Fn::kShr, a.whole(n)); }
inline Real operator-(Real a) { return a.apply(Fn::kNeg); }
inline Real operator!(Real a) { return a.apply(Fn::kNot); }
inline Real operator+(Real a, double b) { return a + a.number(b); }
inline Real operator-(Real a, double b) { return a - a.number(b); }
inline Real operator*(Real a, double b) { return a * a.number(b); }
inline Real operator+(double a, Real b) { return b.number(a) + b; }
inline Real operator-(double a, Real b) { return b.number(a) - b; }
inline Real operator/(double a, Real b) { return b.number(a) / b; }
inline Real operator<(Real a, double b) { return a.test(Fn::kLt, a.number(b)); }
inline Real operator>(Real a, double b) { return a.test(Fn::kGt, a.number(b)); }
inline Real operator==(Real a, double b) { return a.test(Fn::kEq, a.number(b)); }
inline Real operator==(Real a, Real b) { return a.test(Fn::kEq, b); }

inline Real fma(Real a, Real b, Real c) { return a.node(Fn::kFma, a.type(), {a.id, b.id, c.id}); }
inline Real fma(Real a, double b, Real c) { return fma(a, a.number(b), c); }
inline Real fma(Real a, Real b, double c) { return fma(a, b, a.number(c)); }
inline Real fma(Real a, double b, double c) { return fma(a, a.number(b), a.number(c)); }
inline Real abs(Real a) { return a.apply(Fn::kAbs); }
inline Real trunc(Real a) { return a.apply(Fn::kTrunc); }
inline Real select(Real condition, Real a, Real b) {
  return a.node(Fn::kSelect, a.type(), {condition.id, a.id, b.id});
}
// NaN stays.
inline Real clamp(Real a, double low, double high) {
  return a.apply(Fn::kMin, a.number(high)).apply(Fn::kMax, a.number(low));
}

// c[0] + c[1] x + c[2] x^2 + ...
inline Real polynomial(Real x, std::span<const double> c) {
  Real p = x.number(c.back());
  for (size_t i = c.size() - 1; i-- > 0;) p = fma(p, x, c[i]);
  return p;
}

// The magnitude, which has no sign, with that of s.
inline Real with_sign(Real magnitude, Real s) {
  const DType bits = s.bits_type();
  Real sign = s.bitcast(bits);
  sign = sign & sign.whole(s.is_wide() ? INT64_MIN : INT32_MIN);
  return (magnitude.bitcast(bits) | sign).bitcast(s.type());
}

}  // namespace rlx
