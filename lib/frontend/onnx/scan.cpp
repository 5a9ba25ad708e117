#include <algorithm>

#include "frontend/codes.h"
#include "frontend/onnx/graph_reader.h"
#include "op/gather.h"
#include "op/loop.h"

namespace rlx::onnx {
namespace {

struct ScanForm {
  size_t states = 0, slices = 0;
  // By slice.
  Vec<int64_t> axes, directions;
};

// One number a slice; 0 where the attribute is left out.
Result<Vec<int64_t>> take_numbers(Call& c, std::string_view name, size_t count) {
  const std::optional<AttributeProto> a = c.take(name);
  if (!a) return Vec<int64_t>(count);
  if (a->ints.size() == count) return a->ints;
  return c.error(kInvalidModel, std::string(name) + " has not one number for each value");
}

// Outputs are put behind each other along their first axis.
Status check_outputs(Call& c) {
  for (const std::string_view name : {"scan_output_axes", "scan_output_directions"}) {
    const std::optional<AttributeProto> a = c.take(name);
    if (!a || std::ranges::count(a->ints, 0) == std::ssize(a->ints)) continue;
    return c.error(kUnsupportedAttribute, std::string(name) + " other than 0 is not supported",
                   "transpose or reverse the result with nodes of their own");
  }
  return {};
}

Result<ScanForm> take_form(Call& c) {
  constexpr int64_t kWithoutBatches = 9;
  if (c.opset < kWithoutBatches) {
    return c.error(kUnsupportedOperator, "Scan over batches, of operator set 8, is not supported",
                   "export the model to operator set 9 or later");
  }
  const std::optional<AttributeProto> count = c.take("num_scan_inputs");
  const auto inputs = static_cast<int64_t>(c.inputs.size());
  if (!count || count->i < 1 || count->i > inputs) {
    return c.error(kInvalidModel, "num_scan_inputs is no number of its inputs");
  }
  ScanForm form{.states = static_cast<size_t>(inputs - count->i),
                .slices = static_cast<size_t>(count->i)};
  RLX_TRY(form.axes, take_numbers(c, "scan_input_axes", form.slices));
  RLX_TRY(form.directions, take_numbers(c, "scan_input_directions", form.slices));
  RLX_TRY_VOID(check_outputs(c));
  return form;
}

// The extent of v along the axis, a scalar.
ValueId extent_of(Call& c, ValueId v, int64_t axis) {
  const ValueId shape = c.add_node("shape", {v});
  const ValueId at = c.add_constant(make_i64({axis}, 0));
  return c.add_node("gather", {shape, at});
}

}  // namespace

ValueId GraphReader::slice_of(const NodeProto& n, size_t input, int64_t axis, bool reverse,
                              ValueId trip, Scope& body) {
  Call inner(graph_, body.region(), tensors_);
  inner.node = name_here(n);
  // Found from inside, the value is captured.
  const ValueId v = find(n.inputs[input], &n, body);
  if (reverse) {
    const ValueId extent = extent_of(inner, v, axis);
    const ValueId left = inner.add_node("sub", {extent, trip});
    const ValueId one = inner.add_constant(make_i64({1}, 0));
    trip = inner.add_node("sub", {left, one});
  }
  return inner.add_node(attrs(ops::Gather{.axis = axis}), {v, trip});
}

Result<Values> GraphReader::read_scan(Call& call, const NodeProto& n, Scope& outer) {
  std::optional<AttributeProto> attribute = call.take("body");
  if (!attribute || attribute->graphs.size() != 1) {
    return call.error(kInvalidModel, "the node has no body");
  }
  GraphProto& g = attribute->graphs.front();
  RLX_TRY(const ScanForm form, take_form(call));
  if (g.inputs.size() != call.inputs.size() || g.outputs.size() < form.states) {
    return call.error(kInvalidModel, "the body takes or gives other values than the node");
  }
  Scope scope(graph_, tensors_, graph_.add_region(), &outer);
  const RegionId body = scope.region();
  if (auto status = scope.declare(g); !status) report(std::move(status.error()), &n, scope);
  const ValueId trip = graph_.add_argument(body, Type::unknown());
  const ValueId goes_on = graph_.add_argument(body, Type::unknown());
  for (size_t i = 0; i < form.states; ++i) {
    define(g.inputs[i].name, graph_.add_argument(body, Type::unknown()), &n, scope);
  }
  for (size_t i = 0; i < form.slices; ++i) {
    const size_t input = form.states + i;
    const ValueId slice = slice_of(n, input, form.axes[i], form.directions[i] != 0, trip, scope);
    define(g.inputs[input].name, slice, &n, scope);
  }
  graph_[body].results.push_back(goes_on);
  read_body(g, scope);
  const ValueId trips = extent_of(call, call.inputs[form.states], form.axes[0]);
  Values inputs{trips, call.add_constant(make_constant(DType::kBool, {}, "\1"))};
  inputs.insert(inputs.end(), call.inputs.begin(),
                call.inputs.begin() + static_cast<ptrdiff_t>(form.states));
  const NodeId loop = graph_.add_node(outer.region(), attrs(ops::Loop{}), std::move(inputs),
                                      Types(g.outputs.size(), Type::unknown()), {call.node});
  graph_[loop].regions = {body};
  return graph_[loop].outputs;
}

}  // namespace rlx::onnx
