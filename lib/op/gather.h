// Slices of data along an axis, chosen by indices: out[a, i, b] = data[a, indices[i], b].
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/scattered.h"
#include "op/shared/view.h"

namespace rlx::ops {

// Inputs: data, indices; negative ones count from the end.
struct Gather {
  static constexpr std::string_view name = "gather";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr bool linear = true;

  int64_t axis = 0;

  static Result<Types> infer(const Gather& o, InferCtx& c) {
    const Type& data = c.in(0);
    RLX_TRY(const int axis, checked_axis(c, o.axis, data.rank()));
    if (!is_integer(c.in(1).dtype)) return c.error(kBadInput, "indices are not integers");
    Vec<Dim> shape = data.shape;
    shape.erase(shape.begin() + axis);
    shape.insert(shape.begin() + axis, c.in(1).shape.begin(), c.in(1).shape.end());
    RLX_TRY_VOID(require_chosen(c, data.shape[static_cast<size_t>(axis)]));
    Type out = Type::tensor(data.dtype, std::move(shape));
    RLX_TRY_VOID(tell_chosen(c, out));
    return Types{std::move(out)};
  }

  static Status lower(const Gather& o, KernelBuilder& b) {
    const int axis = axis_of(o.axis, b.in(0).rank());
    const int rank = b.in(1).rank();
    return lower_map(b, [&](StageBuilder& s, const Vec<Dim>& at) {
      const Vec<Dim> chosen(at.begin() + axis, at.begin() + axis + rank);
      Vec<Dim> index = at;
      index.erase(index.begin() + axis, index.begin() + axis + rank);
      index.insert(index.begin() + axis, Dim(0));
      if (std::optional<Dim> place = known_place(b, axis)) {
        index[static_cast<size_t>(axis)] = *place;
        return s.load(b.input(0), index);
      }
      Vec<AxisIndex> all = axis_indexes(index);
      all[static_cast<size_t>(axis)] = data_index(s.load(b.input(1), chosen));
      return rlx::gather(b, s, 0, std::move(all));
    });
  }

  static Result<Values> grad(const Gather& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Vec<Dim> data = f(in.inputs[0]).shape();
    const Wire indices = f(in.inputs[1]);
    const int axis = axis_of(o.axis, static_cast<int>(data.size()));
    const auto at = static_cast<size_t>(axis);
    Vec<Dim> rows = data;
    rows[at] = product(indices.shape());
    Vec<Dim> along(data.size(), Dim(1));
    along[at] = rows[at];
    const Wire updates = reshape(f(in.outer[0]), rows);
    const Wire places = expand(reshape(indices, along), rows);
    return f.values({scattered(places, updates, data, axis), f.none()});
  }

  static Result<Values> batch(const Gather& o, GraphBuilder& b, const BatchIn& in) {
    const Node node = b.graph()[in.node];
    const int axis = axis_of(o.axis, b.type(node.inputs[0]).rank());
    if (!in.batched[1]) return b.add(attrs(Gather{.axis = axis + 1}), in.inputs, 1);
    Formula f(b);
    const Wire data = f(in.inputs[0]), indices = f(in.inputs[1]);
    if (!in.batched[0]) {
      // The new axis comes out where the indices' axes do.
      const Wire chosen = f.make(attrs(Gather{.axis = axis}), {data, indices});
      return f.values({moved_axes(chosen, {axis}, 0)});
    }
    // Rows of data by the axis, whose other axes follow; then those before it come back.
    const Wire rows = moved_axes(data, {axis + 1}, 1);
    Vec<Dim> columns = indices.shape();
    columns.emplace_back(1);
    Attrs gather(find_op("gather_nd"));
    gather.each([](std::string_view, AttrRef dims) { *std::get<int64_t*>(dims) = 1; });
    const Wire chosen = f.make(gather, {rows, reshape(indices, columns)});
    const int before = 1 + b.type(node.inputs[1]).rank();
    return f.values({moved_axes(chosen, iota(before, before + axis), 1)});
  }

 private:
  // The one index, where it is known to lie inside: then nothing is looked up at run time.
  static std::optional<Dim> known_place(const KernelBuilder& b, int axis) {
    Known known = b.known(1);
    if (!known || known->size() != 1) return std::nullopt;
    const RangeOf range = b.graph().symbol_ranges();
    const Dim& extent = b.in(0).shape[static_cast<size_t>(axis)];
    for (const Dim& place : {known->front(), known->front() + extent}) {
      if (proven_nonnegative(place, range) && proven_nonnegative(extent - 1 - place, range)) {
        return place;
      }
    }
    return std::nullopt;
  }

  static std::string outside(int64_t index, int64_t extent) {
    return "index " + std::to_string(index) + " is outside of " + std::to_string(extent) +
           " elements";
  }

  // Indexes that are numbers say how many elements there have to be.
  static Status require_chosen(InferCtx& c, const Dim& extent) {
    Known indices = c.known(1);
    if (!indices) return {};
    int64_t least = 0;
    for (const Dim& index : *indices) {
      if (!index.constant()) continue;
      // No axis is longer than that.
      const int64_t at = std::clamp(*index.constant(), -kMostBytes, kMostBytes);
      const int64_t needed = at < 0 ? -at : at + 1;
      if (needed > extent.constant().value_or(INT64_MAX)) {
        return c.error(kBadInput, outside(*index.constant(), *extent.constant()));
      }
      least = std::max(least, needed);
    }
    return least == 0 ? Status() : c.require_at_most(least, extent);
  }

  static Status tell_chosen(InferCtx& c, const Type& out) {
    Known data = c.known(0);
    Known indices = c.known(1);
    if (!data || !indices || c.in(0).rank() != 1) return {};
    Vec<Dim> chosen;
    for (const Dim& index : *indices) {
      const std::optional<int64_t> at = index.constant();
      if (!at) return {};
      const auto size = static_cast<int64_t>(data->size());
      if (*at < -size || *at >= size) return c.error(kBadInput, outside(*at, size));
      chosen.push_back((*data)[static_cast<size_t>(*at < 0 ? *at + size : *at)]);
    }
    tell(c, out, std::move(chosen));
    return {};
  }
};
RLX_OP(Gather);

}  // namespace rlx::ops
