#include "test/oracle/interpret.h"

#include <cstring>

#include "kernel/builder.h"
#include "kernel/interpreter.h"

namespace rlx::test {

int64_t Tensor::elements() const {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

namespace {

using Symbols = std::map<std::string, int64_t>;

class Run {
 public:
  Run(const Graph& g, const Vec<Tensor>& inputs) : g_(g) {
    RLX_CHECK(inputs.size() == g.inputs().size());
    // An input's extents may be sums of what a later one names.
    for (size_t i = 0; i < inputs.size(); ++i) bind(g[g.inputs()[i]].type.shape, inputs[i].shape);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ValueId v = g.inputs()[i];
      RLX_CHECK(shape_of(v) == inputs[i].shape);
      values_.emplace(v, inputs[i]);
    }
  }

  Result<Vec<Tensor>> outputs() {
    RLX_TRY_VOID(run(Graph::kTop));
    Vec<Tensor> outputs;
    for (ValueId v : g_.outputs()) outputs.push_back(value(v));
    return outputs;
  }

 private:
  void bind(const Vec<Dim>& dims, const Vec<int64_t>& shape) {
    RLX_CHECK(dims.size() == shape.size());
    for (size_t i = 0; i < dims.size(); ++i) {
      if (auto symbol = dims[i].as_symbol()) symbols_.emplace(*symbol, shape[i]);
    }
  }

  Vec<int64_t> shape_of(ValueId v) const {
    Vec<int64_t> shape;
    for (const Dim& d : g_[v].type.shape) shape.push_back(evaluate(d, symbols_).value());
    return shape;
  }

  const Tensor& value(ValueId v) {
    auto found = values_.find(v);
    if (found != values_.end()) return found->second;
    Tensor t{g_[v].type.dtype, shape_of(v), {}};
    if (const Constant* c = g_.constant_of(v)) {
      t.bytes.assign(reinterpret_cast<const char*>(c->data.bytes().data()), c->data.bytes().size());
    }
    for (const Dim& d : g_[v].def.dims) {
      const int64_t element = evaluate(d, symbols_).value();
      t.bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
    }
    return values_.emplace(v, std::move(t)).first->second;
  }

  Status run(RegionId r) {
    for (const NodeId id : g_[r].nodes) {
      RLX_TRY_VOID(g_[id].regions.empty() ? run(id) : run_branch(g_[id]));
    }
    return {};
  }

  // Of an If, the only one that owns regions.
  Status run_branch(const Node& node) {
    const bool condition = value(node.inputs[0]).bytes[0] != 0;
    const RegionId taken = node.regions[condition ? 0 : 1];
    RLX_TRY_VOID(run(taken));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Tensor result = value(g_[taken].results[i]);
      // Extents that only the run tells.
      bind(g_[node.outputs[i]].type.shape, result.shape);
      RLX_CHECK(shape_of(node.outputs[i]) == result.shape);
      values_.insert_or_assign(node.outputs[i], result);
    }
    return {};
  }

  Status run(NodeId id) {
    RLX_TRY(Kernel k, lower(g_, id));
    for (ValueId v : g_[id].outputs) {
      Tensor t{g_[v].type.dtype, shape_of(v), {}};
      // Bits that no result has: what a lowering forgets shows.
      t.bytes.assign(static_cast<size_t>(bytes_of(t.dtype, t.elements())), '\x5a');
      values_.emplace(v, std::move(t));
    }
    Vec<std::span<std::byte>> buffers;
    for (const Arg& arg : k.args) {
      value(arg.value);
      buffers.push_back(std::as_writable_bytes(std::span(values_.at(arg.value).bytes)));
    }
    return rlx::interpret(k, symbols_, buffers);
  }

  const Graph& g_;
  Symbols symbols_;
  std::map<ValueId, Tensor> values_;
};

}  // namespace

Result<Vec<Tensor>> interpret(const Graph& g, const Vec<Tensor>& inputs) {
  return Run(g, inputs).outputs();
}

}  // namespace rlx::test
