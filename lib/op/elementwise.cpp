#include "op/elementwise.h"

#include <array>

namespace rlx {
namespace {

using Operands = std::span<const Ex>;

constexpr Arity kUnary{.in = 1};
constexpr Arity kBinary{.in = 2};
constexpr Arity kVariadic{.in = 1, .variadic = true};

// min(a, b, c, ...) from a function of two.
Ex fold_left(Operands x, Ex (*step)(Ex, Ex)) {
  Ex result = x[0];
  for (Ex e : x.subspan(1)) result = step(result, e);
  return result;
}

Ex sum_of(Operands x) {
  return fold_left(x, [](Ex a, Ex b) { return a + b; });
}

Ex smaller(Ex a, Ex b) { return apply(Fn::kMin, a, b); }
Ex greater(Ex a, Ex b) { return apply(Fn::kMax, a, b); }

Ex negation(Ex x) { return apply(Fn::kNot, x); }

Ex absolute(Operands x) { return is_unsigned(x[0].type()) ? x[0] : apply(Fn::kAbs, x[0]); }

// -1, 0 or 1; NaN stays NaN.
Ex sign(Operands x) {
  const Ex zero = constant_like(x[0], 0);
  const Ex one = constant_like(x[0], 1);
  const Ex is_positive = apply(Fn::kGt, x[0], zero);
  const Ex positive = select(is_positive, one, x[0]);
  if (is_unsigned(x[0].type())) return positive;
  const Ex negative = apply(Fn::kLt, x[0], zero);
  return select(negative, -one, positive);
}

// log(1 + exp(x)) without overflow.
Ex softplus(Operands x) {
  const Ex tail = apply(Fn::kLog, 1 + apply(Fn::kExp, -apply(Fn::kAbs, x[0])));
  return greater(x[0], constant_like(x[0], 0)) + tail;
}

Ex hard_swish(Operands x) {
  const Ex line = x[0] / 6 + 0.5;
  const Ex gate = smaller(line, constant_like(x[0], 1));
  return x[0] * greater(gate, constant_like(x[0], 0));
}

Ex hyperbolic(Ex x, bool odd) {
  const Ex up = apply(Fn::kExp, x);
  const Ex down = apply(Fn::kExp, -x);
  return (odd ? up - down : up + down) * 0.5;
}

KnownDim fold_all(std::span<const Dim> x, const RangeOf& range, FoldDims step) {
  KnownDim result = x[0];
  for (const Dim& d : x.subspan(1)) {
    const std::array pair{*result, d};
    result = step(pair, range);
    if (!result) break;
  }
  return result;
}

KnownDim fold_min_all(std::span<const Dim> x, const RangeOf& range) {
  return fold_all(x, range, fold_min);
}
KnownDim fold_max_all(std::span<const Dim> x, const RangeOf& range) {
  return fold_all(x, range, fold_max);
}
KnownDim fold_sum_all(std::span<const Dim> x, const RangeOf& range) {
  return fold_all(x, range, fold_add);
}

constexpr ElementwiseRow floats(std::string_view name, Ex (*value)(Operands)) {
  return {.name = name, .arity = kUnary, .dtypes = kFloats, .value = value};
}

constexpr ElementwiseRow arithmetic(std::string_view name, Ex (*value)(Operands), FoldDims fold) {
  return {.name = name, .arity = kBinary, .dtypes = kNumbers, .value = value, .fold = fold};
}

constexpr ElementwiseRow comparison(std::string_view name, DTypes dtypes, Ex (*value)(Operands),
                                    FoldDims fold) {
  return {name, kBinary, dtypes, value, true, fold};
}

constexpr ElementwiseRow logical(std::string_view name, Ex (*value)(Operands), FoldDims fold) {
  return {.name = name, .arity = kBinary, .dtypes = kBools, .value = value, .fold = fold};
}

constexpr ElementwiseRow variadic(std::string_view name, DTypes dtypes, Ex (*value)(Operands),
                                  FoldDims fold) {
  return {.name = name, .arity = kVariadic, .dtypes = dtypes, .value = value, .fold = fold};
}

constexpr DTypes kSigned = kFloats | kSignedInts;

constexpr ElementwiseRow kRows[] = {
    {"abs", kUnary, kNumbers, absolute, false, fold_abs},
    arithmetic(
        "add", [](Operands x) { return x[0] + x[1]; }, fold_add),
    logical(
        "and", [](Operands x) { return apply(Fn::kAnd, x[0], x[1]); }, fold_and),
    floats("ceil", [](Operands x) { return apply(Fn::kCeil, x[0]); }),
    floats("cos", [](Operands x) { return apply(Fn::kCos, x[0]); }),
    floats("cosh", [](Operands x) { return hyperbolic(x[0], false); }),
    arithmetic(
        "div", [](Operands x) { return x[0] / x[1]; }, fold_div),
    comparison(
        "equal", kAnyDType, [](Operands x) { return apply(Fn::kEq, x[0], x[1]); }, fold_equal),
    floats("erf", [](Operands x) { return apply(Fn::kErf, x[0]); }),
    floats("exp", [](Operands x) { return apply(Fn::kExp, x[0]); }),
    floats("floor", [](Operands x) { return apply(Fn::kFloor, x[0]); }),
    comparison(
        "greater", kNumbers, [](Operands x) { return apply(Fn::kGt, x[0], x[1]); }, fold_greater),
    comparison(
        "greater_or_equal", kNumbers, [](Operands x) { return apply(Fn::kGe, x[0], x[1]); },
        fold_greater_or_equal),
    floats("hard_swish", hard_swish),
    {"identity", kUnary, kAnyDType, [](Operands x) { return x[0]; }, false, fold_identity},
    {"is_nan", kUnary, kFloats, [](Operands x) { return apply(Fn::kIsNan, x[0]); }, true},
    comparison(
        "less", kNumbers, [](Operands x) { return apply(Fn::kLt, x[0], x[1]); }, fold_less),
    comparison(
        "less_or_equal", kNumbers, [](Operands x) { return apply(Fn::kLe, x[0], x[1]); },
        fold_less_or_equal),
    floats("log", [](Operands x) { return apply(Fn::kLog, x[0]); }),
    variadic(
        "max", kNumbers, [](Operands x) { return fold_left(x, greater); }, fold_max_all),
    variadic(
        "mean", kFloats, [](Operands x) { return sum_of(x) / static_cast<double>(x.size()); },
        nullptr),
    variadic(
        "min", kNumbers, [](Operands x) { return fold_left(x, smaller); }, fold_min_all),
    floats("mish", [](Operands x) { return x[0] * apply(Fn::kTanh, softplus(x)); }),
    arithmetic(
        "mul", [](Operands x) { return x[0] * x[1]; }, fold_mul),
    {"neg", kUnary, kSigned, [](Operands x) { return -x[0]; }, false, fold_neg},
    {"not", kUnary, kBools, [](Operands x) { return negation(x[0]); }, false, fold_not},
    logical(
        "or", [](Operands x) { return apply(Fn::kOr, x[0], x[1]); }, fold_or),
    {"prelu", kBinary, kNumbers,
     [](Operands x) {
       const Ex negative = apply(Fn::kLt, x[0], constant_like(x[0], 0));
       return select(negative, x[0] * x[1], x[0]);
     }},
    floats("reciprocal", [](Operands x) { return 1 / x[0]; }),
    {"relu", kUnary, kSigned, [](Operands x) { return greater(x[0], constant_like(x[0], 0)); }},
    floats("round", [](Operands x) { return apply(Fn::kRoundEven, x[0]); }),
    floats("sigmoid", [](Operands x) { return apply(Fn::kSigmoid, x[0]); }),
    {"sign", kUnary, kNumbers, sign},
    floats("sin", [](Operands x) { return apply(Fn::kSin, x[0]); }),
    floats("sinh", [](Operands x) { return hyperbolic(x[0], true); }),
    floats("softplus", softplus),
    floats("softsign", [](Operands x) { return x[0] / (1 + apply(Fn::kAbs, x[0])); }),
    floats("sqrt", [](Operands x) { return apply(Fn::kSqrt, x[0]); }),
    arithmetic(
        "sub", [](Operands x) { return x[0] - x[1]; }, fold_sub),
    variadic("sum", kNumbers, sum_of, fold_sum_all),
    floats("tan",
           [](Operands x) {
             const Ex sine = apply(Fn::kSin, x[0]);
             return sine / apply(Fn::kCos, x[0]);
           }),
    floats("tanh", [](Operands x) { return apply(Fn::kTanh, x[0]); }),
    logical(
        "xor", [](Operands x) { return apply(Fn::kXor, x[0], x[1]); }, nullptr),
};

// The operator of one row.
template <size_t row>
struct Elementwise {
  static constexpr std::string_view name = kRows[row].name;
  static constexpr int version = 1;
  static constexpr Arity arity = kRows[row].arity;
  static constexpr DTypes dtypes = kRows[row].dtypes;
  static constexpr bool elementwise = true;

  static Result<Types> infer(const Elementwise&, InferCtx& c) {
    return infer_map(c, kRows[row].predicate, kRows[row].fold);
  }

  static Status lower(const Elementwise&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      return kRows[row].value(read_all(b, s, at));
    });
  }
};

template <size_t... row>
Vec<const OpDef*> ops_of(std::index_sequence<row...>) {
  return {op<Elementwise<row>>()...};
}

}  // namespace

std::span<const ElementwiseRow> elementwise_rows() { return kRows; }

Vec<const OpDef*> elementwise_ops() { return ops_of(std::make_index_sequence<std::size(kRows)>()); }

}  // namespace rlx
