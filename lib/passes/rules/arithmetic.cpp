#include <cmath>

#include "kernel/storage.h"
#include "op/cast.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

bool is_not_negative(const Match& m) {
  const Constant* c = m.graph.constant_of(m["low"]);
  return c && c->elements() == 1 && scalar_at(c->dtype, c->data.bytes().data()).as_double() >= 0;
}

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
  Result<ValueId> made = g.add1(m.node(0).attrs, {m["x"]});
  return made ? std::optional(*made) : std::nullopt;
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
  Constant c = *m.graph.constant_of(m["c"]);
  const double value = scalar_at(c.dtype, c.data.bytes().data()).as_double();
  std::string bytes(static_cast<size_t>(size_of(c.dtype)), '\0');
  to_bytes(Scalar::of(c.dtype, 1 / value), reinterpret_cast<std::byte*>(bytes.data()));
  const ValueId inverse = g.constant(make_constant(c.dtype, c.shape, std::move(bytes)));
  auto made = g.add1("mul", {m["x"], inverse});
  return made ? std::optional(*made) : std::nullopt;
}

constexpr Rule kRules[] = {
    {"abs(abs(x))", "abs(x)"},
    {"add(x, 0)", "x"},
    {"and(x, 1)", "x"},
    {"and(x, x)", "x"},
    {"cast(cast(x))", {}, inner_cast_loses_nothing, cast_once},
    {"cast(x)", "x"},
    {"ceil|floor|round(ceil|floor|round(x))",
     {},
     nullptr,
     [](const Match& m, GraphBuilder&) { return std::optional(m.node(1).outputs[0]); }},
    {"clip(x)", "x"},
    {"clip(clip(x, low, high), low, high)", "clip(x, low, high)"},
    {"div(x, 1)", "x"},
    {"div(x, c)", {}, is_power_of_two, times_inverse},
    {"identity(x)", "x"},
    {"max(x)", "x"},
    {"max(x, x)", "x"},
    {"mean(x)", "x"},
    {"min(x)", "x"},
    {"min(x, x)", "x"},
    {"mul(x, 1)", "x"},
    {"neg(neg(x))", "x"},
    {"not(not(x))", "x"},
    {"or(x, 0)", "x"},
    {"or(x, x)", "x"},
    {"pow(x, 1)", "x"},
    {"relu(clip(x, low, high))", "clip(x, low, high)", is_not_negative},
    {"relu(relu(x))", "relu(x)"},
    {"relu(sigmoid(x))", "sigmoid(x)"},
    {"sub(x, 0)", "x"},
    {"sum(x)", "x"},
    {"where(0, _, x)", "x"},
    {"where(1, x, _)", "x"},
    {"where(_, x, x)", "x"},
    {"xor(x, 0)", "x"},
};

}  // namespace

std::span<const Rule> arithmetic_rules() { return kRules; }

}  // namespace rlx
