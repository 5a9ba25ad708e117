// Slices of data, each at the index that a row of indices gives: out[b, i, :] = data[b, indices[b,
// i], :], where a row has as many entries as axes of data it picks from.
#pragma once
#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, indices. The first batch_dims axes are shared by both.
struct GatherNd {
  static constexpr std::string_view name = "gather_nd";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;

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
};
RLX_OP(GatherNd);

}  // namespace rlx::ops
