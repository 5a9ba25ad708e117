// Slices of data, each at the index that a row of indices gives: out[b, i, :] = data[b, indices[b,
// i], :], where a row has as many entries as axes of data it picks from.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/scattered.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, indices. The first batch_dims axes are shared by both.
struct GatherNd {
  static constexpr std::string_view name = "gather_nd";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  int64_t batch_dims = 0;

  static Result<Types> infer(const GatherNd& o, InferCtx& c) {
    const Type& data = c.in(0);
    const Type& indices = c.in(1);
    if (!is_integer(indices.dtype)) return c.error(kBadInput, "indices are not integers");
    const int64_t most = std::min(data.rank(), indices.rank() - 1);
    if (o.batch_dims < 0 || o.batch_dims > most) {
      return c.error(kBadAttribute, "batch_dims does not fit the ranks of data and indices");
    }
    const std::optional<int64_t> length = indices.shape.back().constant();
    if (!length) {
      return c.error(kMustBeKnown, "the last axis of indices decides the rank and is symbolic",
                     "bind the dims that it depends on");
    }
    if (*length < 1 || o.batch_dims + *length > data.rank()) {
      return c.error(kBadInput, "a row of indices is longer than the rank of data");
    }
    for (size_t k = 0; k < static_cast<size_t>(o.batch_dims); ++k) {
      RLX_TRY_VOID(c.require_equal(data.shape[k], indices.shape[k]));
    }
    Vec<Dim> shape(indices.shape.begin(), indices.shape.end() - 1);
    shape.insert(shape.end(), data.shape.begin() + o.batch_dims + *length, data.shape.end());
    return Types{Type::tensor(data.dtype, std::move(shape))};
  }

  static Status lower(const GatherNd& o, KernelBuilder& b) {
    const Type& indices = b.in(1);
    const int64_t length = indices.shape.back().constant().value();
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const auto rest = at.begin() + indices.rank() - 1;
      Vec<AxisIndex> index = axis_indexes({at.begin(), at.begin() + o.batch_dims});
      Vec<Dim> row(at.begin(), rest);
      for (int64_t k = 0; k < length; ++k) {
        row.emplace_back(k);
        index.push_back(data_index(s.load(b.input(1), row)));
        row.pop_back();
      }
      for (AxisIndex& i : axis_indexes({rest, at.end()})) index.push_back(std::move(i));
      return rlx::gather(b, s, 0, std::move(index));
    });
  }

  // Rows of indices as places in data whose axes they name are one.
  static Result<Values> grad(const GatherNd& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<Dim> data = f(in.inputs[0]).shape();
    const Wire indices = f(in.inputs[1]);
    const auto first = data.begin() + o.batch_dims;
    const auto last = first + indices.shape().back().constant().value();
    const Dim batch = product({data.begin(), first});
    const Dim inner = product({last, data.end()});
    const Vec<Dim> shape = {batch, product({first, last}), inner};
    const Vec<Dim> entries = indices.shape();
    const Dim rows = product({entries.begin() + o.batch_dims, entries.end() - 1});
    const Wire places = reshape(flat_places(indices, {first, last}), {batch, rows, 1});
    const Wire updates = reshape(f(in.outer[0]), {batch, rows, inner});
    const Wire all = scattered(expand(places, {batch, rows, inner}), updates, shape, 1);
    return f.values({reshape(all, data), f.none()});
  }

  static Result<Values> batch(const GatherNd& o, GraphBuilder& b, const BatchIn& in) {
    Formula f(b);
    const Wire data = batched_input(f, in, 0);
    const Wire indices = batched_input(f, in, 1);
    return f.values({f.make(attrs(GatherNd{.batch_dims = o.batch_dims + 1}), {data, indices})});
  }

 private:
  // sum over j of indices[..., j] times the product of the extents behind j; negative ones from the end.
  static Wire flat_places(Wire indices, const Vec<Dim>& extents) {
    Formula& f = *indices.formula;
    const Wire given = cast(indices, DType::kI64);
    const Wire zero = f.number(DType::kI64, 0.0);
    Vec<Dim> strides(extents.size(), Dim(1));
    for (size_t j = extents.size() - 1; j-- > 0;) strides[j] = strides[j + 1] * extents[j + 1];
    const Wire lengths = f.integers(extents);
    const Wire negative = f.make("less", {given, zero});
    const Wire turned = given + lengths;
    const Wire inside = f.make("where", {negative, turned, given});
    const Wire steps = inside * f.integers(strides);
    return sum(steps, {indices.rank() - 1});
  }
};
RLX_OP(GatherNd);

}  // namespace rlx::ops
