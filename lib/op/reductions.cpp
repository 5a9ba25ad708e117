#include "op/reductions.h"

#include <algorithm>
#include <array>

#include "kernel/functions.h"
#include "op/shared/reduced.h"
#include "op/shared/rows.h"

namespace rlx {
namespace {

Scalar zero(DType t) { return Scalar::of(t, 0); }
Scalar one(DType t) { return Scalar::of(t, 1); }

Ex larger(Ex a, Ex b) { return apply(a.type() == DType::kBool ? Fn::kOr : Fn::kMax, a, b); }
Ex least(Ex a, Ex b) { return apply(a.type() == DType::kBool ? Fn::kAnd : Fn::kMin, a, b); }

// In f64 for integers, which have no square root of their own.
Ex root(Ex x) {
  if (is_float(x.type())) return apply(Fn::kSqrt, x);
  return cast(apply(Fn::kSqrt, cast(x, DType::kF64)), x.type());
}

Ex logarithm(Ex x) {
  if (is_float(x.type())) return apply(macro::kLog, x);
  return cast(apply(macro::kLog, cast(x, DType::kF64)), x.type());
}

constexpr ReductionRow kReductions[] = {
    {"reduce_l1", kNumbers, zero, [](Ex acc, Ex x) { return acc + magnitude(x); }, nullptr, nullptr,
     slope_of_l1},
    {"reduce_l2", kNumbers, zero, [](Ex acc, Ex x) { return acc + x * x; },
     [](Ex acc, Ex) { return root(acc); }, nullptr, slope_of_l2},
    {"reduce_log_sum", kNumbers, zero, [](Ex acc, Ex x) { return acc + x; },
     [](Ex acc, Ex) { return logarithm(acc); }, nullptr, slope_of_log_sum},
    {"reduce_max", kAnyDType, lowest, larger, nullptr, fold_max, slope_of_best},
    {"reduce_mean", kNumbers, zero, [](Ex acc, Ex x) { return acc + x; },
     [](Ex acc, Ex count) { return acc / count; }, nullptr, slope_of_mean},
    {"reduce_min", kAnyDType, highest, least, nullptr, fold_min, slope_of_best},
    {"reduce_prod", kNumbers, one, [](Ex acc, Ex x) { return acc * x; }, nullptr, fold_mul,
     slope_of_product},
    {"reduce_sum", kNumbers, zero, [](Ex acc, Ex x) { return acc + x; }, nullptr, fold_add},
    {"reduce_sum_square", kNumbers, zero, [](Ex acc, Ex x) { return acc + x * x; }, nullptr,
     nullptr, slope_of_sum_square},
};

// The operator of one row. Inputs: data, axes (op/shared/reduced.h).
template <size_t row>
struct Reduce {
  static constexpr std::string_view name = kReductions[row].name;
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = kReductions[row].dtypes;

  int64_t keepdims = 1;
  int64_t noop_with_empty_axes = 0;

  static Result<Types> infer(const Reduce& o, InferCtx& c) {
    RLX_TRY(const Vec<int> axes, reduced_axes(c, o.noop_with_empty_axes != 0));
    const Type& in = c.in(0);
    Type out = Type::tensor(in.dtype, reduced_shape(in.shape, axes, o.keepdims != 0));
    if (kReductions[row].fold && axes.size() == 1) tell_reduced(c, out);
    return Types{std::move(out)};
  }

  static Status lower(const Reduce& o, KernelBuilder& b) {
    const Vec<int> axes = reduced_axes(b, o.noop_with_empty_axes != 0);
    return lower_reduction(kReductions[row], b, axes, o.keepdims != 0);
  }

  static Result<Values> grad(const Reduce& o, GraphBuilder& b, const GradIn& in) {
    return grad_of_reduction(b, in, axes_of(o, b, in.inputs), kReductions[row].slope);
  }
  static Result<Values> jvp(const Reduce& o, GraphBuilder& b, const JvpIn& in) {
    return jvp_of_reduction(b, in, axes_of(o, b, in.inputs), kReductions[row].slope);
  }
  static Result<Values> batch(const Reduce& o, GraphBuilder& b, const BatchIn& in) {
    return batch_of_reduction(b, in, attrs(o), axes_of(o, b, b.graph()[in.node].inputs));
  }

 private:
  static Vec<int> axes_of(const Reduce& o, const GraphBuilder& b, const Values& inputs) {
    return reduced_axes(b, inputs, o.noop_with_empty_axes != 0);
  }
  static void tell_reduced(InferCtx& c, const Type& out) {
    Known known = c.known(0);
    if (!known || known->empty() || c.in(0).rank() != 1) return;
    const RangeOf range = c.graph().symbol_ranges();
    Dim result = known->front();
    for (size_t i = 1; i < known->size(); ++i) {
      const std::array pair{result, (*known)[i]};
      KnownDim next = kReductions[row].fold(pair, range);
      if (!next) return;
      result = *std::move(next);
    }
    tell(c, out, {std::move(result)});
  }
};

template <size_t... row>
Vec<const OpDef*> reduction_ops(std::index_sequence<row...>) {
  return {op<Reduce<row>>()...};
}

Ex finished(const ReductionRow& row, StageBuilder& s, Ex acc, const Dim& count) {
  return row.finish ? row.finish(acc, cast(s.index(count), acc.type())) : acc;
}

}  // namespace

std::span<const ReductionRow> reduction_rows() { return kReductions; }

const ReductionRow& reduction_row(std::string_view name) {
  auto row = std::find_if(std::begin(kReductions), std::end(kReductions),
                          [&](const ReductionRow& r) { return r.name == name; });
  RLX_CHECK(row != std::end(kReductions));
  return *row;
}

Vec<const OpDef*> reduction_ops() {
  return reduction_ops(std::make_index_sequence<std::size(kReductions)>());
}

Status lower_reduction(const ReductionRow& row, KernelBuilder& b, const Vec<int>& axes,
                       bool keepdims) {
  const Rows rows(b, axes);
  const Scalar init = row.init(compute_type(b.in(0).dtype));
  if (axes.empty()) {
    // A row of one element without a loop to reduce over.
    StageBuilder s = b.map();
    const Ex x = s.load(b.input(0), rows.at(s));
    const Ex acc = row.next(constant(s, init), x);
    s.store(b.output(), rows.row(keepdims), finished(row, s, acc, 1));
    return {};
  }
  StageBuilder s = b.reduce(rows.extents());
  const Ex x = s.load(b.input(0), rows.at(s));
  const Ex acc = accumulate(s, init, [&](Ex a) { return row.next(a, x); });
  s.store(b.output(), rows.row(keepdims), finished(row, s, acc, rows.length()));
  return {};
}

}  // namespace rlx
