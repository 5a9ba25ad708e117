#include <array>

#include <fmt/format.h>

#include "image/image.h"

namespace rlx::image {
namespace {

using Op = Extent::Op;
using Value = std::optional<int64_t>;

bool is_leaf(Op op) { return op == Op::kConst || op == Op::kSymbol; }

Value add(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? Value() : sum;
}

Value subtract(int64_t a, int64_t b) {
  int64_t difference;
  return __builtin_sub_overflow(a, b, &difference) ? Value() : difference;
}

Value multiply(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? Value() : product;
}

Value remainder(int64_t a, int64_t b) {
  if (b <= 0) return {};
  const int64_t r = a % b;
  return r < 0 ? r + b : r;
}

Value floor_divide(int64_t a, int64_t b) {
  if (b <= 0) return {};
  return a / b - (a % b < 0 ? 1 : 0);
}

Value apply(Op op, int64_t a, int64_t b) {
  switch (op) {
    case Op::kConst:
    case Op::kSymbol: return {};
    case Op::kAdd: return add(a, b);
    case Op::kSub: return subtract(a, b);
    case Op::kMul: return multiply(a, b);
    case Op::kFloorDiv: return floor_divide(a, b);
    case Op::kMod: return remainder(a, b);
    case Op::kMin: return std::min(a, b);
    case Op::kMax: return std::max(a, b);
    case Op::kEq: return a == b;
    case Op::kLe: return a <= b;
  }
  return {};
}

Value leaf(Extent::Step step, const Vec<int64_t>& symbols) {
  if (step.op == Op::kConst) return step.operand;
  auto index = static_cast<uint64_t>(step.operand);
  const bool is_known = index < symbols.size() && symbols[index] != kUntold;
  return is_known ? Value(symbols[index]) : Value();
}

// Text with how tightly its outermost operator binds: 0 comparison, 1 sum, 2 product, 3 whole.
struct Term {
  std::string text;
  int binding = 3;
};

std::string inside(const Term& term, int binding) {
  return term.binding < binding ? fmt::format("({})", term.text) : term.text;
}

Term infix(const Term& a, std::string_view op, const Term& b, int binding) {
  return {fmt::format("{} {} {}", inside(a, binding), op, inside(b, binding + 1)), binding};
}

Term call(std::string_view function, const Term& a, const Term& b) {
  return {fmt::format("{}({}, {})", function, a.text, b.text)};
}

Term join(Op op, const Term& a, const Term& b) {
  // As sums of products write their plain terms.
  if (op == Op::kMul && a.text == "1") return b;
  switch (op) {
    case Op::kConst:
    case Op::kSymbol: return {"?"};
    case Op::kAdd: return infix(a, "+", b, 1);
    case Op::kSub: return infix(a, "-", b, 1);
    case Op::kMul: return infix(a, "*", b, 2);
    case Op::kFloorDiv: return infix(a, "//", b, 2);
    case Op::kMod: return infix(a, "%", b, 2);
    case Op::kMin: return call("min", a, b);
    case Op::kMax: return call("max", a, b);
    case Op::kEq: return infix(a, "==", b, 0);
    case Op::kLe: return infix(a, "<=", b, 0);
  }
  return {"?"};
}

Term leaf_text(Extent::Step step, const Vec<Symbol>& symbols) {
  if (step.op == Op::kConst) return {std::to_string(step.operand)};
  auto index = static_cast<uint64_t>(step.operand);
  return {index < symbols.size() ? symbols[index].name : "?"};
}

}  // namespace

std::optional<int64_t> evaluate(const Extent& e, const Vec<int64_t>& symbols) {
  std::array<int64_t, kMaxExtentDepth> stack;
  size_t depth = 0;
  for (const Extent::Step step : e.steps) {
    const size_t taken = is_leaf(step.op) ? 0 : 2;
    if (depth < taken || depth - taken == stack.size()) return {};
    depth -= taken;
    Value value = taken == 0 ? leaf(step, symbols) : apply(step.op, stack[depth], stack[depth + 1]);
    if (!value) return {};
    stack[depth++] = *value;
  }
  return depth == 1 ? Value(stack[0]) : Value();
}

bool well_formed(const Extent& e, size_t symbols) {
  size_t depth = 0;
  for (const Extent::Step step : e.steps) {
    if (step.op < Op::kConst || step.op > Op::kLe) return false;
    if (step.op == Op::kSymbol && static_cast<uint64_t>(step.operand) >= symbols) return false;
    if (!is_leaf(step.op) && (depth < 2 || step.operand != 0)) return false;
    depth = is_leaf(step.op) ? depth + 1 : depth - 1;
    if (depth > kMaxExtentDepth) return false;
  }
  return depth == 1;
}

std::string to_text(const Extent& e, const Vec<Symbol>& symbols) {
  Vec<Term> stack;
  for (const Extent::Step step : e.steps) {
    if (is_leaf(step.op)) {
      stack.push_back(leaf_text(step, symbols));
      continue;
    }
    if (stack.size() < 2) return "?";
    const Term b = std::move(stack.back());
    stack.pop_back();
    stack.back() = join(step.op, stack.back(), b);
  }
  return stack.size() == 1 ? stack.back().text : "?";
}

}  // namespace rlx::image
