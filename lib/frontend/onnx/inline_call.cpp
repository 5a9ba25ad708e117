#include <algorithm>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/graph_reader.h"
#include "frontend/onnx/opsets.h"
#include "frontend/onnx/order.h"

namespace rlx::onnx {
namespace {

// A file of a few lines could ask for nodes without end.
constexpr size_t kMostDepth = 32, kMostNodes = size_t{1} << 20;

}  // namespace

std::string GraphReader::name_here(const NodeProto& n) const { return prefix_ + name_of(n); }

Status GraphReader::enter(const Call& call, const FunctionProto& f, size_t nodes) {
  if (std::ranges::find(inside_, &f) != inside_.end()) {
    return call.error(kInvalidModel, "the function calls itself");
  }
  inlined_ += nodes + 1;
  if (inside_.size() >= kMostDepth || inlined_ > kMostNodes) {
    return call.error(kUnsupportedFormat,
                      fmt::format("functions are nested deeper than {}, or have more than {} nodes",
                                  kMostDepth, kMostNodes));
  }
  return {};
}

Result<Values> GraphReader::read_call(const Call& call, const FunctionProto& f,
                                      const Scope& outer) {
  RLX_TRY(GraphProto body, body_of(f, call));
  RLX_TRY_VOID(enter(call, f, count_nodes(body)));
  const std::optional<int64_t> opset = own_opset(f.opsets);
  if (opset) RLX_TRY_VOID(check_opset(*opset));
  Scope scope(graph_, tensors_, outer.region(), nullptr);
  const int64_t opset_around = std::exchange(opset_, opset.value_or(0));
  const std::string prefix_around = std::exchange(prefix_, call.node + "/");
  inside_.push_back(&f);
  Values results = read_function(body, call, f, scope);
  inside_.pop_back();
  prefix_ = prefix_around;
  opset_ = opset_around;
  return results;
}

Values GraphReader::read_function(GraphProto& body, const Call& call, const FunctionProto& f,
                                  Scope& scope) {
  for (size_t i = 0; i < f.inputs.size(); ++i) {
    if (call.has_input(i)) define(f.inputs[i], call.inputs[i], nullptr, scope);
  }
  const bool read = read_nodes(body, scope);
  Values results;
  for (const ValueInfoProto& v : body.outputs) {
    results.push_back(read ? find(v.name, nullptr, scope) : placeholder(graph_));
  }
  return results;
}

}  // namespace rlx::onnx
