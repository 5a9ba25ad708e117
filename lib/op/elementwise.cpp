#include "op/elementwise.h"

#include <array>

#include "kernel/functions.h"
#include "op/shared/access.h"

namespace rlx {
namespace {

using Operands = std::span<const Ex>;

constexpr Arity kUnary{.in = 1};
constexpr Arity kBinary{.in = 2};
constexpr Arity kVariadic{.in = 1, .variadic = true};

// min(a, b, c, ...) from a function of two.
Ex fold_left(Operands x, Ex (*step)(Ex, Ex)) {
  Ex result = x[0];
  for (const Ex e : x.subspan(1)) result = step(result, e);
  return result;
}

Ex sum_of(Operands x) {
  return fold_left(x, [](Ex a, Ex b) { return a + b; });
}

Ex smaller(Ex a, Ex b) { return apply(Fn::kMin, a, b); }
Ex greater(Ex a, Ex b) { return apply(Fn::kMax, a, b); }

Ex negation(Ex x) { return apply(Fn::kNot, x); }

Ex absolute(Operands x) { return magnitude(x[0]); }

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

Ex hard_swish(Operands x) {
  // The sum is exact near its zero.
  const Ex line = (x[0] + 3) / 6;
  const Ex gate = smaller(line, constant_like(x[0], 1));
  return x[0] * greater(gate, constant_like(x[0], 0));
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

constexpr ElementwiseRow floats(std::string_view name, double ulp, Ex (*value)(Operands)) {
  return {.name = name, .arity = kUnary, .dtypes = kFloats, .value = value, .ulp = ulp};
}

// Whose class stands in kernel/functions.def.
template <Fn fn>
constexpr ElementwiseRow scalar(std::string_view name) {
  return floats(name, 0, [](Operands x) { return apply(fn, x[0]); });
}

constexpr ElementwiseRow arithmetic(std::string_view name, Ex (*value)(Operands), FoldDims fold,
                                    DTypes dtypes = kNumbers) {
  return {.name = name, .arity = kBinary, .dtypes = dtypes, .value = value, .fold = fold};
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

constexpr ElementwiseRow commutes(ElementwiseRow row) {
  row.commutative = true;
  return row;
}

constexpr DTypes kSigned = kFloats | kSignedInts;

constexpr ElementwiseRow kElementwise[] = {
    {"abs", kUnary, kNumbers, absolute, false, fold_abs},
    scalar<macro::kAcos>("acos"),
    scalar<macro::kAcosh>("acosh"),
    commutes(arithmetic(
        "add", [](Operands x) { return x[0] + x[1]; }, fold_add)),
    commutes(logical(
        "and", [](Operands x) { return apply(Fn::kAnd, x[0], x[1]); }, fold_and)),
    scalar<macro::kAsin>("asin"),
    scalar<macro::kAsinh>("asinh"),
    scalar<macro::kAtan>("atan"),
    scalar<macro::kAtanh>("atanh"),
    commutes(arithmetic(
        "bitwise_and", [](Operands x) { return apply(Fn::kAnd, x[0], x[1]); }, nullptr, kInts)),
    {"bitwise_not", kUnary, kInts, [](Operands x) { return negation(x[0]); }},
    commutes(arithmetic(
        "bitwise_or", [](Operands x) { return apply(Fn::kOr, x[0], x[1]); }, nullptr, kInts)),
    commutes(arithmetic(
        "bitwise_xor", [](Operands x) { return apply(Fn::kXor, x[0], x[1]); }, nullptr, kInts)),
    floats("ceil", 0, [](Operands x) { return apply(Fn::kCeil, x[0]); }),
    scalar<macro::kCos>("cos"),
    scalar<macro::kCosh>("cosh"),
    arithmetic(
        "div", [](Operands x) { return x[0] / x[1]; }, fold_div),
    commutes(comparison(
        "equal", kAnyDType, [](Operands x) { return apply(Fn::kEq, x[0], x[1]); }, fold_equal)),
    scalar<macro::kErf>("erf"),
    scalar<macro::kExp>("exp"),
    floats("floor", 0, [](Operands x) { return apply(Fn::kFloor, x[0]); }),
    comparison(
        "greater", kNumbers, [](Operands x) { return apply(Fn::kGt, x[0], x[1]); }, fold_greater),
    comparison(
        "greater_or_equal", kNumbers, [](Operands x) { return apply(Fn::kGe, x[0], x[1]); },
        fold_greater_or_equal),
    floats("hard_swish", 2.5, hard_swish),
    {.name = "identity",
     .arity = kUnary,
     .dtypes = kAnyDType,
     .value = [](Operands x) { return x[0]; },
     .fold = fold_identity,
     .reshapes = true},
    {"is_nan", kUnary, kFloats, [](Operands x) { return apply(Fn::kIsNan, x[0]); }, true},
    comparison(
        "less", kNumbers, [](Operands x) { return apply(Fn::kLt, x[0], x[1]); }, fold_less),
    comparison(
        "less_or_equal", kNumbers, [](Operands x) { return apply(Fn::kLe, x[0], x[1]); },
        fold_less_or_equal),
    scalar<macro::kLog>("log"),
    commutes(variadic(
        "max", kNumbers, [](Operands x) { return fold_left(x, greater); }, fold_max_all)),
    commutes(variadic(
        "mean", kFloats, [](Operands x) { return sum_of(x) / static_cast<double>(x.size()); },
        nullptr)),
    commutes(variadic(
        "min", kNumbers, [](Operands x) { return fold_left(x, smaller); }, fold_min_all)),
    scalar<macro::kMish>("mish"),
    commutes(arithmetic(
        "mul", [](Operands x) { return x[0] * x[1]; }, fold_mul)),
    {"neg", kUnary, kSigned, [](Operands x) { return -x[0]; }, false, fold_neg},
    {"not", kUnary, kBools, [](Operands x) { return negation(x[0]); }, false, fold_not},
    commutes(logical(
        "or", [](Operands x) { return apply(Fn::kOr, x[0], x[1]); }, fold_or)),
    {"prelu", kBinary, kNumbers,
     [](Operands x) {
       const Ex negative = apply(Fn::kLt, x[0], constant_like(x[0], 0));
       return select(negative, x[0] * x[1], x[0]);
     }},
    floats("reciprocal", 0.5, [](Operands x) { return 1 / x[0]; }),
    {"relu", kUnary, kSigned, [](Operands x) { return greater(x[0], constant_like(x[0], 0)); }},
    floats("round", 0, [](Operands x) { return apply(Fn::kRoundEven, x[0]); }),
    scalar<macro::kSigmoid>("sigmoid"),
    {.name = "sign", .arity = kUnary, .dtypes = kNumbers, .value = sign, .is_flat = true},
    scalar<macro::kSin>("sin"),
    scalar<macro::kSinh>("sinh"),
    scalar<macro::kSoftplus>("softplus"),
    floats("softsign", 1.5, [](Operands x) { return x[0] / (1 + apply(Fn::kAbs, x[0])); }),
    floats("sqrt", 0.5, [](Operands x) { return apply(Fn::kSqrt, x[0]); }),
    arithmetic(
        "sub", [](Operands x) { return x[0] - x[1]; }, fold_sub),
    commutes(variadic("sum", kNumbers, sum_of, fold_sum_all)),
    scalar<macro::kTan>("tan"),
    scalar<macro::kTanh>("tanh"),
    commutes(logical(
        "xor", [](Operands x) { return apply(Fn::kXor, x[0], x[1]); }, nullptr)),
};

// The operator of one row.
template <size_t row>
struct Elementwise {
  static constexpr std::string_view name = kElementwise[row].name;
  static constexpr int version = 1;
  static constexpr Arity arity = kElementwise[row].arity;
  static constexpr DTypes dtypes = kElementwise[row].dtypes;
  static constexpr bool elementwise = true;
  static constexpr bool commutative = kElementwise[row].commutative;
  static constexpr bool reshapes = kElementwise[row].reshapes;

  static Result<Types> infer(const Elementwise&, InferCtx& c) {
    return infer_map(c, kElementwise[row].predicate, kElementwise[row].fold);
  }

  static Status lower(const Elementwise&, KernelBuilder& b) {
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      return kElementwise[row].value(read_all(b, s, at));
    });
  }

  static Result<Values> grad(const Elementwise&, GraphBuilder&, const GradIn& in)
    requires(kElementwise[row].is_flat)
  {
    return grad_of_steps(in);
  }
  static Result<Values> jvp(const Elementwise&, GraphBuilder&, const JvpIn& in)
    requires(kElementwise[row].is_flat)
  {
    return Values(in.outputs.size());
  }
};

template <size_t... row>
Vec<const OpDef*> elementwise_ops(std::index_sequence<row...>) {
  return {op<Elementwise<row>>()...};
}

}  // namespace

std::span<const ElementwiseRow> elementwise_rows() { return kElementwise; }

Vec<const OpDef*> elementwise_ops() {
  return elementwise_ops(std::make_index_sequence<std::size(kElementwise)>());
}

}  // namespace rlx
