#include <cmath>

#include "kernel/storage.h"
#include "op/cast.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

bool is_scalar_from_zero(const Constant* c) {
  return c && c->elements() == 1 && scalar_at(c->dtype, c->data.bytes().data()).as_double() >= 0;
}

// A clip ends in its upper bound, wherever the lower one is.
bool is_not_negative(const Match& m) {
  return is_scalar_from_zero(m.graph.constant_of(m["low"])) &&
         is_scalar_from_zero(m.graph.constant_of(m["high"]));
}

// The operand beside x is a constant all of whose zeros have this sign, or is of integers.
bool is_zero_of_sign(const Match& m, bool negative) {
  const Values& inputs = m.node(0).inputs;
  const Constant* zero = m.graph.constant_of(inputs[0] == m["x"] ? inputs[1] : inputs[0]);
  if (!zero || !is_float(zero->dtype)) return zero != nullptr;
  for (int64_t i = 0; i < zero->elements(); ++i) {
    const Scalar element = element_at(zero->dtype, zero->data.bytes().data(), i);
    if (std::signbit(element.as_double()) != negative) return false;
  }
  return true;
}

// -0 + -0 and -0 - 0 are -0, but -0 + 0 is 0.
bool adds_nothing(const Match& m) { return is_zero_of_sign(m, true); }
bool takes_nothing(const Match& m) { return is_zero_of_sign(m, false); }

// Bits of precision, and of range without the sign.
bool holds_all_of(DType wide, DType narrow) {
  if (narrow == DType::kBool) return true;
  if (is_integer(wide) && is_integer(narrow)) {
    const bool sign_fits = is_signed(wide) || is_unsigned(narrow);
    const bool grows = size_of(wide) > size_of(narrow);
    return sign_fits &&
           (grows || (size_of(wide) == size_of(narrow) && is_signed(wide) == is_signed(narrow)));
  }
  if (is_float(wide) && is_float(narrow)) return size_of(wide) > size_of(narrow);
  return false;
}

bool inner_cast_loses_nothing(const Match& m) {
  return holds_all_of(m.type(m.node(1).outputs[0]).dtype, m.type(m["x"]).dtype);
}

std::optional<ValueId> cast_once(const Match& m, GraphBuilder& g) {
  if (m.type() == m.type(m["x"])) return m["x"];
  return value_or_none(g.add1(m.node(0).attrs, {m["x"]}));
}

// Then the inverse is exact, and a product with it is the quotient, bit for bit.
bool is_power_of_two(const Match& m) {
  const Constant* c = m.graph.constant_of(m["c"]);
  if (!c || c->elements() != 1 || !is_float(c->dtype)) return false;
  int exponent = 0;
  const double value = scalar_at(c->dtype, c->data.bytes().data()).as_double();
  const bool power = std::fabs(std::frexp(value, &exponent)) == 0.5;
  return power && Scalar::of(c->dtype, 1 / value).f == 1 / value && std::abs(exponent) < 64;
}

std::optional<ValueId> times_inverse(const Match& m, GraphBuilder& g) {
  const Constant c = *m.graph.constant_of(m["c"]);
  const double value = scalar_at(c.dtype, c.data.bytes().data()).as_double();
  std::string bytes(static_cast<size_t>(size_of(c.dtype)), '\0');
  to_bytes(Scalar::of(c.dtype, 1 / value), reinterpret_cast<std::byte*>(bytes.data()));
  const ValueId inverse = g.constant(make_constant(c.dtype, c.shape, std::move(bytes)));
  auto made = g.add1("mul", {m["x"], inverse});
  return made ? std::optional(*made) : std::nullopt;
}

constexpr Rule kArithmetic[] = {
    {Math::kExact, "abs(abs(x))", "abs(x)"},
    {Math::kExact, "add(x, 0)", "x", adds_nothing},
    {Math::kDefault, "add(x, 0)", "x"},
    {Math::kExact, "and(x, 1)", "x"},
    {Math::kExact, "and(x, x)", "x"},
    {Math::kExact, "cast(cast(x))", {}, inner_cast_loses_nothing, cast_once},
    {Math::kExact, "cast(x)", "x"},
    {Math::kExact,
     "ceil|floor|round(ceil|floor|round(x))",
     {},
     nullptr,
     [](const Match& m, GraphBuilder&) { return std::optional(m.node(1).outputs[0]); }},
    {Math::kExact, "clip(x)", "x"},
    {Math::kExact, "clip(clip(x, low, high), low, high)", "clip(x, low, high)"},
    {Math::kExact, "div(x, 1)", "x"},
    {Math::kExact, "div(x, c)", {}, is_power_of_two, times_inverse},
    {Math::kExact, "identity(x)", "x"},
    {Math::kExact, "max(x)", "x"},
    {Math::kExact, "max(x, x)", "x"},
    {Math::kExact, "mean(x)", "x"},
    {Math::kExact, "min(x)", "x"},
    {Math::kExact, "min(x, x)", "x"},
    {Math::kExact, "mul(x, 1)", "x"},
    {Math::kExact, "neg(neg(x))", "x"},
    {Math::kExact, "not(not(x))", "x"},
    {Math::kExact, "or(x, 0)", "x"},
    {Math::kExact, "or(x, x)", "x"},
    {Math::kExact, "pow(x, 1)", "x"},
    {Math::kExact, "relu(clip(x, low, high))", "clip(x, low, high)", is_not_negative},
    {Math::kExact, "relu(relu(x))", "relu(x)"},
    {Math::kExact, "relu(sigmoid(x))", "sigmoid(x)"},
    {Math::kExact, "sub(x, 0)", "x", takes_nothing},
    {Math::kDefault, "sub(x, 0)", "x"},
    {Math::kExact, "sum(x)", "x"},
    {Math::kExact, "where(0, _, x)", "x"},
    {Math::kExact, "where(1, x, _)", "x"},
    {Math::kExact, "where(_, x, x)", "x"},
    {Math::kExact, "xor(x, 0)", "x"},
};

}  // namespace

std::span<const Rule> arithmetic_rules() { return kArithmetic; }

}  // namespace rlx
