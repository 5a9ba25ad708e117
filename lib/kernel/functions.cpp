#include "kernel/functions.h"

#include <array>

#include "kernel/derivatives.h"
#include "kernel/expr_math.h"

namespace rlx {
namespace {

constexpr DTypes kNothing{};
constexpr DTypes kReals = only(DType::kF32) | only(DType::kF64);
constexpr DTypes kComputed = kInts | kReals;
constexpr DTypes kCompared = kComputed | kBools;
constexpr DTypes kBitsets = kInts | kBools;

template <auto f>
Real expanded(std::span<const Real> x) {
  if constexpr (std::is_invocable_v<decltype(f), Real>) {
    return f(x[0]);
  } else {
    return f(x[0], x[1]);
  }
}

constexpr std::array kFunctions{
#define RLX_FN(id, name, operands, takes, gives, f32, f64, derive)           \
  Function{Fn::id, name, operands,           takes,  Function::Gives::gives, \
           f32,    f64,  derivative::derive, nullptr},
#define RLX_MACRO(id, name, operands, f32, f64) \
  Function{macro::id,                           \
           #name,                               \
           operands,                            \
           kReals,                              \
           Function::Gives::kOperand,           \
           f32,                                 \
           f64,                                 \
           derivative::name,                    \
           expanded<macro::name>},
#include "kernel/functions.def"
#undef RLX_MACRO
#undef RLX_FN
};

constexpr bool is_in_order() {
  for (size_t i = 0; i < kFunctions.size(); ++i) {
    if (static_cast<size_t>(kFunctions[i].fn) != i) return false;
  }
  return kFunctions.size() == kFnCount;
}
static_assert(is_in_order(), "functions.def and Fn are in one order");

}  // namespace

const Function& function_of(Fn fn) { return kFunctions[static_cast<size_t>(fn)]; }

// ---- Declared in expr.h -----------------------------------------------------------------------

std::string_view name(Fn fn) { return function_of(fn).name; }

std::optional<Fn> fn_named(std::string_view name) {
  for (const Function& f : kFunctions) {
    if (f.name == name) return f.fn;
  }
  return std::nullopt;
}

int arity(Fn fn) { return function_of(fn).operands; }

bool is_macro(Fn fn) { return function_of(fn).expand != nullptr; }

std::optional<DType> result_type(Fn fn, const Vec<DType>& operands) {
  const Function& f = function_of(fn);
  if (operands.size() != static_cast<size_t>(f.operands) || operands.empty()) return std::nullopt;
  const size_t first = fn == Fn::kSelect ? 1 : 0;
  if (fn == Fn::kSelect && operands[0] != DType::kBool) return std::nullopt;
  for (size_t i = first; i < operands.size(); ++i) {
    if (operands[i] != operands[first] || !f.takes.has(operands[i])) return std::nullopt;
  }
  return f.gives == Function::Gives::kBool ? DType::kBool : operands[first];
}

void expand_math(Body& body, Vec<ExprId>& roots) {
  Body expanded;
  Vec<ExprId> place;
  for (Expr& e : body) {
    for (ExprId& a : e.args) a = place[a.index];
    if (auto expand = function_of(e.fn).expand) {
      Vec<Real> operands;
      for (const ExprId a : e.args) operands.push_back({&expanded, a});
      place.push_back(expand(operands).id);
    } else {
      place.push_back(add(expanded, std::move(e)));
    }
  }
  body = std::move(expanded);
  for (ExprId& r : roots) r = place[r.index];
}

}  // namespace rlx
