#include "kernel/fold.h"

#include <algorithm>

#include "kernel/eval.h"

namespace rlx {
namespace {

const Expr& arg(const Body& body, const Expr& e, size_t i) { return body[e.args[i].index]; }

bool is_number(const Expr& e, double value) {
  return e.fn == Fn::kConst && e.scalar == Scalar::of(e.type, value);
}

// ---- Constants --------------------------------------------------------------------------------

bool is_foldable(const Body& body, const Expr& e) {
  if (arity(e.fn) == 0 || is_macro(e.fn)) return false;
  return std::all_of(e.args.begin(), e.args.end(),
                     [&](ExprId a) { return body[a.index].fn == Fn::kConst; });
}

// The value of e, whose operands are constants: what the interpreter computes.
Scalar value_of(const Body& body, const Expr& e) {
  std::byte memory[4][8] = {};
  Vec<const std::byte*> args;
  for (size_t i = 0; i < e.args.size(); ++i) {
    to_bytes(arg(body, e, i).scalar, memory[i]);
    args.push_back(memory[i]);
  }
  const DType operand = arg(body, e, e.args.size() - 1).type;
  eval(e.fn, operand, e.type, args, memory[3], 1);
  return scalar_at(e.type, memory[3]);
}

// ---- Casts ------------------------------------------------------------------------------------

// Whether `to` has every value of the integers `from`.
bool holds_integers(DType to, DType from) {
  if (is_float(to)) return value_bits(from) <= (to == DType::kF64 ? 53 : 24) && size_of(to) >= 4;
  const bool sign_fits = is_signed(to) || !is_signed(from);
  return is_integer(to) && sign_fits && value_bits(to) >= value_bits(from);
}

bool holds_all_of(DType to, DType from) {
  if (to == from) return true;
  if (is_float(from)) return is_float(to) && size_of(to) > size_of(from);
  return is_integer(from) && holds_integers(to, from);
}

// A cast of a cast that lost nothing goes straight from the first value. Where it went from
// integers to floats it must come back to the same, as floats saturate where integers wrap.
std::optional<ExprId> simplified_cast(Body& body, const Expr& e) {
  const Expr& inner = arg(body, e, 0);
  if (inner.type == e.type) return e.args[0];
  if (inner.fn != Fn::kCast) return std::nullopt;
  const DType first = arg(body, inner, 0).type;
  const bool other_class = is_float(first) != is_float(inner.type);
  if (!holds_all_of(inner.type, first) || (other_class && first != e.type)) return std::nullopt;
  return add(body, {.fn = Fn::kCast, .type = e.type, .args = inner.args});
}

std::optional<ExprId> simplified_bitcast(Body& body, const Expr& e) {
  const Expr& inner = arg(body, e, 0);
  if (inner.type == e.type) return e.args[0];
  if (inner.fn != Fn::kBitcast) return std::nullopt;
  return add(body, {.fn = Fn::kBitcast, .type = e.type, .args = inner.args});
}

// ---- Neutral operands -------------------------------------------------------------------------

// -0 is neutral for sums of floats: 0 would turn -0 into 0.
bool is_neutral_addend(const Expr& e) { return is_number(e, is_float(e.type) ? -0.0 : 0.0); }

std::optional<ExprId> simplified_sum(const Body& body, const Expr& e) {
  if (is_neutral_addend(arg(body, e, 1))) return e.args[0];
  if (is_neutral_addend(arg(body, e, 0))) return e.args[1];
  return std::nullopt;
}

std::optional<ExprId> simplified_product(const Body& body, const Expr& e) {
  if (is_number(arg(body, e, 1), 1)) return e.args[0];
  if (is_number(arg(body, e, 0), 1)) return e.args[1];
  return std::nullopt;
}

std::optional<ExprId> simplified_select(const Body& body, const Expr& e) {
  if (e.args[1] == e.args[2]) return e.args[1];
  const Expr& condition = arg(body, e, 0);
  if (condition.fn != Fn::kConst) return std::nullopt;
  return e.args[condition.scalar.i != 0 ? 1 : 2];
}

// f(f(x)) = x.
std::optional<ExprId> simplified_involution(const Body& body, const Expr& e) {
  const Expr& inner = arg(body, e, 0);
  return inner.fn == e.fn ? std::optional(inner.args[0]) : std::nullopt;
}

}  // namespace

std::optional<ExprId> simplified(Body& body, const Expr& e) {
  if (is_foldable(body, e)) return add_const(body, value_of(body, e));
  switch (e.fn) {
    case Fn::kIndex: {
      auto constant = e.dim.constant();
      return constant ? std::optional(add_const(body, Scalar::of_int(e.type, *constant)))
                      : std::nullopt;
    }
    case Fn::kAdd: return simplified_sum(body, e);
    case Fn::kMul: return simplified_product(body, e);
    case Fn::kSub: return is_number(arg(body, e, 1), 0) ? std::optional(e.args[0]) : std::nullopt;
    case Fn::kDiv: return is_number(arg(body, e, 1), 1) ? std::optional(e.args[0]) : std::nullopt;
    case Fn::kNeg:
    case Fn::kNot: return simplified_involution(body, e);
    case Fn::kMin:
    case Fn::kMax: return e.args[0] == e.args[1] ? std::optional(e.args[0]) : std::nullopt;
    case Fn::kSelect: return simplified_select(body, e);
    case Fn::kCast: return simplified_cast(body, e);
    case Fn::kBitcast: return simplified_bitcast(body, e);
    default: return std::nullopt;
  }
}

}  // namespace rlx
