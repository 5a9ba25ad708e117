#include "kernel/expr.h"

#include <algorithm>
#include <array>

#include "kernel/fold.h"

namespace rlx {
namespace {

constexpr DTypes kNothing{};
constexpr DTypes kReals = only(DType::kF32) | only(DType::kF64);
constexpr DTypes kComputed = kInts | kReals;
constexpr DTypes kBitsets = kInts | kBools;

struct Row {
  std::string_view name;
  int arity;
  // What operands may be; nothing for leaves and casts, whose type is their own.
  DTypes takes;
  // The result is a bool.
  bool test = false;
};

// In the order of Fn.
constexpr std::array<Row, kFnCount> kRows{{
    {"const", 0, kNothing},
    {"index", 0, kNothing},
    {"load", 0, kNothing},
    {"acc", 0, kNothing},
    {"add", 2, kComputed},
    {"sub", 2, kComputed},
    {"mul", 2, kComputed},
    {"div", 2, kComputed},
    {"rem", 2, kComputed},
    {"fma", 3, kComputed},
    {"neg", 1, kComputed},
    {"abs", 1, kComputed},
    {"sqrt", 1, kReals},
    {"floor", 1, kReals},
    {"ceil", 1, kReals},
    {"round_even", 1, kReals},
    {"trunc", 1, kReals},
    {"min", 2, kComputed},
    {"max", 2, kComputed},
    {"and", 2, kBitsets},
    {"or", 2, kBitsets},
    {"xor", 2, kBitsets},
    {"not", 1, kBitsets},
    {"shl", 2, kInts},
    {"shr", 2, kInts},
    {"eq", 2, kComputed | kBools, true},
    {"ne", 2, kComputed | kBools, true},
    {"lt", 2, kComputed | kBools, true},
    {"le", 2, kComputed | kBools, true},
    {"gt", 2, kComputed | kBools, true},
    {"ge", 2, kComputed | kBools, true},
    {"is_nan", 1, kReals, true},
    {"is_inf", 1, kReals, true},
    {"select", 3, kAnyDType},
    {"cast", 1, kNothing},
    {"bitcast", 1, kNothing},
    {"exp", 1, kReals},
    {"log", 1, kReals},
    {"tanh", 1, kReals},
    {"erf", 1, kReals},
    {"sin", 1, kReals},
    {"cos", 1, kReals},
    {"pow", 2, kReals},
    {"sigmoid", 1, kReals},
    {"expm1", 1, kReals},
    {"sinh", 1, kReals},
    {"cosh", 1, kReals},
    {"tan", 1, kReals},
    {"softplus", 1, kReals},
    {"mish", 1, kReals},
    {"gelu", 1, kReals},
    {"gelu_tanh", 1, kReals},
}};

const Row& row_of(Fn fn) { return kRows[static_cast<size_t>(fn)]; }

}  // namespace

std::string_view name(Fn fn) { return row_of(fn).name; }

std::optional<Fn> fn_named(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<Fn>(i);
  }
  return std::nullopt;
}

int arity(Fn fn) { return row_of(fn).arity; }

bool is_macro(Fn fn) { return fn >= Fn::kExp; }

std::optional<DType> result_type(Fn fn, const Vec<DType>& operands) {
  const Row& row = row_of(fn);
  if (operands.size() != static_cast<size_t>(row.arity) || operands.empty()) return std::nullopt;
  size_t first = fn == Fn::kSelect ? 1 : 0;
  if (fn == Fn::kSelect && operands[0] != DType::kBool) return std::nullopt;
  for (size_t i = first; i < operands.size(); ++i) {
    if (operands[i] != operands[first] || !row.takes.has(operands[i])) return std::nullopt;
  }
  return row.test ? DType::kBool : operands[first];
}

ExprId add(Body& body, Expr e) {
  if (auto better = simplified(body, e)) return *better;
  auto same = std::find(body.begin(), body.end(), e);
  if (same == body.end()) same = body.insert(same, std::move(e));
  return ExprId(static_cast<size_t>(same - body.begin()));
}

ExprId add_const(Body& body, const Scalar& s) {
  return add(body, {.fn = Fn::kConst, .type = s.dtype, .scalar = s});
}

}  // namespace rlx
