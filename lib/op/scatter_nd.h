// data with slices of it put, or combined with what is there, each at the index that a row of indices gives:
// out[indices[i, j], :] = updates[i, j, :]. Of several for one place the last one counts, in row-major order; combined
// they are so in this order.
#pragma once
#include "op/op.h"
#include "op/shared/combining.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, indices, updates; negative indices count from the end. A row of indices has as many entries as leading
// axes of data it picks from.
struct ScatterNd {
  static constexpr std::string_view name = "scatter_nd";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 3};
  static constexpr DTypes dtypes = kAnyDType;

  // "none", "add", "mul", "max" or "min".
  std::string reduction = "none";

  static Result<Types> infer(const ScatterNd& o, InferCtx& c) {
    const Type &data = c.in(0), &indices = c.in(1), &updates = c.in(2);
    RLX_TRY_VOID(require_combining(c, o.reduction));
    if (!is_integer(indices.dtype)) return c.error(kBadInput, "indices are not integers");
    if (indices.rank() == 0) return c.error(kBadInput, "indices have no rows");
    const std::optional<int64_t> length = indices.shape.back().constant();
    if (!length) {
      return c.error(kMustBeKnown, "the last axis of indices decides the rank and is symbolic",
                     "bind the dims that it depends on");
    }
    if (*length > data.rank()) {
      return c.error(kBadInput, "a row of indices is longer than the rank of data");
    }
    Vec<Dim> shape(indices.shape.begin(), indices.shape.end() - 1);
    shape.insert(shape.end(), data.shape.begin() + *length, data.shape.end());
    if (updates.dtype != data.dtype || updates.shape.size() != shape.size()) {
      return c.error(kBadInput, "updates have another element type or rank than they need");
    }
    for (size_t k = 0; k < shape.size(); ++k) {
      RLX_TRY_VOID(c.require_equal(updates.shape[k], shape[k]));
    }
    return Types{data};
  }

  static Status lower(const ScatterNd& o, KernelBuilder& b) {
    copy_data(b);
    const Type& indices = b.in(1);
    StageBuilder s = b.map(b.in(2).shape);
    const auto rest = s.loops().begin() + indices.rank() - 1;
    Vec<Dim> row(s.loops().begin(), rest);
    Vec<AxisIndex> index;
    for (int64_t k = 0; k < indices.shape.back().constant().value(); ++k) {
      row.emplace_back(k);
      index.push_back(data_index(s.load(b.input(1), row)));
      row.pop_back();
    }
    Vec<Bounds> bounds(index.size(), Bounds{Bounds::Rule::kChecked});
    for (AxisIndex& i : axis_indexes({rest, s.loops().end()})) index.push_back(std::move(i));
    bounds.resize(index.size());
    const Ex update = s.load(b.input(2), s.loops());
    s.scatter(b.output(), std::move(index), std::move(bounds), update, *combine_of(o.reduction));
    return {};
  }
};
RLX_OP(ScatterNd);

}  // namespace rlx::ops
