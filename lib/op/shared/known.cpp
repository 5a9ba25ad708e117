#include "op/shared/known.h"

#include <algorithm>

#include "kernel/storage.h"

namespace rlx {
namespace {

KnownDim truth(bool value) { return Dim(value ? 1 : 0); }

// Whether a < b, where it is the same for all values of the symbols.
std::optional<bool> is_less(const Dim& a, const Dim& b, const RangeOf& range) {
  if (proven_nonnegative(b - a - 1, range)) return true;
  if (proven_nonnegative(a - b, range)) return false;
  return std::nullopt;
}

KnownDim known_truth(std::optional<bool> value) { return value ? truth(*value) : std::nullopt; }

// nullopt where d may be true or false.
std::optional<bool> truth_of(const Dim& d) {
  if (std::optional<int64_t> value = d.constant()) return *value != 0;
  return std::nullopt;
}

// Whether the type holds the value; of one narrower than 64 bits the coefficients tell.
bool is_held(DType type, const Dim& d) {
  if (type == DType::kI64) return true;
  return std::ranges::all_of(d.terms(), [&](const Term& t) {
    return Scalar::of_int(type, t.coefficient).i == t.coefficient;
  });
}

// Of an input; constants that are truths count as 0 and 1.
Known elements_of(const InferCtx& c, int i) {
  if (Known known = c.known(i)) return known;
  const Constant* constant = c.constant(i);
  auto truths = constant && constant->shape.size() <= 1 ? integers_of(*constant) : std::nullopt;
  if (!truths) return std::nullopt;
  return Vec<Dim>(truths->begin(), truths->end());
}

}  // namespace

KnownDim fold_add(std::span<const Dim> x, const RangeOf&) { return x[0] + x[1]; }
KnownDim fold_sub(std::span<const Dim> x, const RangeOf&) { return x[0] - x[1]; }
KnownDim fold_mul(std::span<const Dim> x, const RangeOf&) { return x[0] * x[1]; }

KnownDim fold_div(std::span<const Dim> x, const RangeOf& range) {
  const std::optional<int64_t> a = x[0].constant();
  const std::optional<int64_t> b = x[1].constant();
  if (b == 0 || (a == INT64_MIN && b == -1)) return std::nullopt;
  // Integer division truncates, a Dim's rounds down.
  if (a && b) return Dim(*a / *b);
  const bool rounds_down = proven_nonnegative(x[0], range) && proven_nonnegative(x[1] - 1, range);
  if (!rounds_down) return std::nullopt;
  return simplify(floor_div(x[0], x[1]), range);
}

KnownDim fold_min(std::span<const Dim> x, const RangeOf& range) {
  return simplify(min(x[0], x[1]), range);
}

KnownDim fold_max(std::span<const Dim> x, const RangeOf& range) {
  return simplify(max(x[0], x[1]), range);
}

KnownDim fold_neg(std::span<const Dim> x, const RangeOf&) { return Dim(0) - x[0]; }

KnownDim fold_abs(std::span<const Dim> x, const RangeOf& range) {
  if (proven_nonnegative(x[0], range)) return x[0];
  if (proven_nonnegative(Dim(0) - x[0], range)) return Dim(0) - x[0];
  return std::nullopt;
}

KnownDim fold_identity(std::span<const Dim> x, const RangeOf&) { return x[0]; }

KnownDim fold_equal(std::span<const Dim> x, const RangeOf& range) {
  if (x[0] == x[1]) return truth(true);
  const bool differ = is_less(x[0], x[1], range) == true || is_less(x[1], x[0], range) == true;
  return differ ? truth(false) : std::nullopt;
}

KnownDim fold_less(std::span<const Dim> x, const RangeOf& range) {
  return known_truth(is_less(x[0], x[1], range));
}

KnownDim fold_greater(std::span<const Dim> x, const RangeOf& range) {
  return known_truth(is_less(x[1], x[0], range));
}

KnownDim fold_less_or_equal(std::span<const Dim> x, const RangeOf& range) {
  return known_truth(is_less(x[0], x[1] + 1, range));
}

KnownDim fold_greater_or_equal(std::span<const Dim> x, const RangeOf& range) {
  return known_truth(is_less(x[1], x[0] + 1, range));
}

KnownDim fold_and(std::span<const Dim> x, const RangeOf&) {
  const std::optional<bool> a = truth_of(x[0]);
  const std::optional<bool> b = truth_of(x[1]);
  if (a == false || b == false) return truth(false);
  return a && b ? truth(true) : std::nullopt;
}

KnownDim fold_or(std::span<const Dim> x, const RangeOf&) {
  const std::optional<bool> a = truth_of(x[0]);
  const std::optional<bool> b = truth_of(x[1]);
  if (a == true || b == true) return truth(true);
  return a && b ? truth(false) : std::nullopt;
}

KnownDim fold_not(std::span<const Dim> x, const RangeOf&) {
  const std::optional<bool> a = truth_of(x[0]);
  return a ? truth(!*a) : std::nullopt;
}

KnownDim fold_where(std::span<const Dim> x, const RangeOf&) {
  if (x[1] == x[2]) return x[1];
  const std::optional<bool> condition = truth_of(x[0]);
  if (!condition) return std::nullopt;
  return *condition ? x[1] : x[2];
}

void tell(InferCtx& c, const Type& out, Vec<Dim> elements, int output) {
  if (out.rank() > 1 || elements.size() > kMostKnown || is_float(out.dtype)) return;
  const bool fits = out.elements().is(static_cast<int64_t>(elements.size()));
  const bool held = std::all_of(elements.begin(), elements.end(),
                                [&](const Dim& d) { return is_held(out.dtype, d); });
  if (fits && held) c.set_known(output, std::move(elements));
}

void tell_known(InferCtx& c, const Type& out, FoldDims fold) {
  const std::optional<int64_t> count = out.elements().constant();
  if (out.rank() > 1 || !count || *count > static_cast<int64_t>(kMostKnown)) return;
  Vec<Vec<Dim>> inputs;
  for (int i = 0; i < c.inputs(); ++i) {
    Known known = elements_of(c, i);
    if (!known) return;
    inputs.push_back(*std::move(known));
  }
  const RangeOf range = c.graph().symbol_ranges();
  Vec<Dim> elements;
  for (size_t k = 0; k < static_cast<size_t>(*count); ++k) {
    Vec<Dim> operands;
    for (const Vec<Dim>& known : inputs) operands.push_back(known[known.size() == 1 ? 0 : k]);
    KnownDim element = fold(operands, range);
    if (!element) return;
    elements.push_back(*std::move(element));
  }
  tell(c, out, std::move(elements));
}

}  // namespace rlx
