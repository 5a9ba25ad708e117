// Exporters pick mask elements at index tensors that only count: then nothing is picked, only
// broadcast.
#include <cstring>

#include "op/concat.h"
#include "op/expand.h"
#include "op/gather_nd.h"
#include "op/reshape.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

Dim product_before(const Vec<Dim>& shape, size_t axis) {
  return product(Vec<Dim>(shape.begin(), shape.begin() + static_cast<int64_t>(axis)));
}

// Where a reshape from `in` to `out` puts axis `axis`, if it stays an axis.
std::optional<size_t> axis_after_reshape(const Vec<Dim>& in, size_t axis, const Vec<Dim>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] != in[axis] || product_before(out, i) != product_before(in, axis)) continue;
    if (!out[i].is(1)) return i;
  }
  return std::nullopt;
}

bool is_integer_constant(const Graph& g, ValueId v, int64_t value) {
  const Constant* c = g.constant_of(v);
  const auto elements = c ? integers_of(*c) : std::nullopt;
  return elements && *elements == Vec<int64_t>{value};
}

// The axis along which v counts 0, 1, 2, ..., being the same along all others.
std::optional<size_t> counting_axis(const Graph& g, ValueId v) {
  // The steps from v back to where the counting begins.
  Vec<const Node*> views;
  const Node* n = g.node_of(v);
  while (n && (n->op().reshapes || as<ops::Expand>(*n))) {
    views.push_back(n);
    n = g.node_of(n->inputs[0]);
  }
  const bool counts = n && n->op_name() == "range" && is_integer_constant(g, n->inputs[0], 0) &&
                      is_integer_constant(g, n->inputs[2], 1);
  if (!counts) return std::nullopt;
  std::optional<size_t> axis = 0;
  for (size_t i = views.size(); axis && i-- > 0;) {
    const Vec<Dim>& in = g[views[i]->inputs[0]].type.shape;
    const Vec<Dim>& out = g[views[i]->outputs[0]].type.shape;
    if (views[i]->op().reshapes) {
      axis = axis_after_reshape(in, *axis, out);
    } else {
      axis = *axis + out.size() - in.size();
      if (out[*axis] != in[*axis - (out.size() - in.size())]) axis = std::nullopt;
    }
  }
  return axis;
}

// The axis along which column `column` of a constant's rows counts.
std::optional<size_t> counting_axis(const Constant& rows, size_t column) {
  if (rows.dtype != DType::kI64) return std::nullopt;
  const auto width = static_cast<size_t>(rows.shape.back());
  const auto element = [&](int64_t row) {
    int64_t value = 0;
    const auto at = static_cast<size_t>(row) * width + column;
    std::memcpy(&value, rows.data.bytes().data() + at * sizeof value, sizeof value);
    return value;
  };
  const int64_t count = rows.elements() / static_cast<int64_t>(width);
  int64_t stride = 1;
  for (size_t axis = rows.shape.size() - 1; axis-- > 0; stride *= rows.shape[axis]) {
    const int64_t extent = rows.shape[axis];
    bool counts = extent > 1;
    for (int64_t row = 0; counts && row < count; ++row) {
      counts = element(row) == row / stride % extent;
    }
    if (counts) return axis;
  }
  return std::nullopt;
}

bool is_all_zero(const Constant& rows, size_t column) {
  const auto width = static_cast<size_t>(rows.shape.back());
  const auto elements = integers_of(rows);
  if (!elements) return false;
  for (size_t i = column; i < elements->size(); i += width) {
    if ((*elements)[i] != 0) return false;
  }
  return true;
}

// For each column of gather_nd's indices the output's axis along which it counts over all of data's
// axis; nullopt where one does not. A column of an axis of extent 1 counts along none.
using Columns = Vec<std::optional<size_t>>;

std::optional<Columns> columns_of(const Graph& g, ValueId indices, const Type& data) {
  const Vec<Dim>& shape = g[indices].type.shape;
  const auto width = static_cast<size_t>(shape.back().constant().value_or(0));
  const Constant* rows = g.constant_of(indices);
  const Node* concat = g.node_of(indices);
  const bool joined =
      concat && as<ops::Concat>(*concat) && concat->inputs.size() == width &&
      axis_of(as<ops::Concat>(*concat)->axis, g[indices].type.rank()) == g[indices].type.rank() - 1;
  if (!rows && !joined) return std::nullopt;
  Columns columns;
  for (size_t j = 0; j < width; ++j) {
    const auto axis = rows ? counting_axis(*rows, j) : counting_axis(g, concat->inputs[j]);
    const bool whole = axis && *axis + 1 < shape.size() && shape[*axis] == data.shape[j];
    const bool single = rows && !axis && data.shape[j].is(1) && is_all_zero(*rows, j);
    if (!whole && !single) return std::nullopt;
    columns.push_back(axis);
  }
  return columns;
}

// data with its axes where the columns count, and extent 1 elsewhere; then broadcast.
std::optional<ValueId> broadcast_instead(const Match& m, GraphBuilder& g) {
  const Type& data = m.type(m["data"]);
  if (as<ops::GatherNd>(m.node(0))->batch_dims != 0) return std::nullopt;
  const auto columns = columns_of(m.graph, m["indices"], data);
  if (!columns) return std::nullopt;
  const size_t rows_rank = m.type(m["indices"]).shape.size() - 1;
  Vec<Dim> shape(rows_rank, Dim(1));
  size_t next = 0;
  for (size_t j = 0; j < columns->size(); ++j) {
    const std::optional<size_t> axis = (*columns)[j];
    if (!axis) continue;
    // Only where the order of the axes stays.
    if (*axis < next) return std::nullopt;
    next = *axis + 1;
    shape[*axis] = data.shape[j];
  }
  shape.insert(shape.end(), data.shape.begin() + static_cast<int64_t>(columns->size()),
               data.shape.end());
  auto placed = g.add1(attrs(ops::Reshape{.allowzero = 1}), {m["data"], g.dims(shape)});
  if (!placed) return std::nullopt;
  if (g.type(*placed) == m.type()) return *placed;
  auto whole = g.add1("expand", {*placed, g.dims(m.type().shape)});
  return whole ? std::optional(*whole) : std::nullopt;
}

constexpr Rule kGather[] = {
    {Math::kExact, "gather_nd(data, indices)", {}, nullptr, broadcast_instead},
};

}  // namespace

std::span<const Rule> gather_rules() { return kGather; }

}  // namespace rlx
