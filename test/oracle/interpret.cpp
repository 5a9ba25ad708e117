#include "test/oracle/interpret.h"

#include <algorithm>
#include <cstring>

#include "ir/tellers.h"
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

  // Extents that only the run tells have another value each time.
  void tell(const Vec<Dim>& dims, const Vec<int64_t>& shape) {
    RLX_CHECK(dims.size() == shape.size());
    for (size_t i = 0; i < dims.size(); ++i) {
      const auto name = dims[i].as_symbol();
      const Symbol* symbol = name ? g_.find_symbol(*name) : nullptr;
      if (symbol && symbol->source == Symbol::Source::kData) symbols_[symbol->name] = shape[i];
    }
  }

  // What the node tells of its operand's elements.
  Status tell(const Node& node) {
    const Tensor elements = value(node.inputs[0]);
    const Vec<SymbolName> names = told_names(node);
    const auto count = static_cast<size_t>(elements.elements());
    for (size_t i = 0; i < names.size(); ++i) {
      const Symbol* symbol = g_.find_symbol(names[i]);
      if (!symbol) continue;
      int64_t element = 0;
      std::memcpy(&element, elements.bytes.data() + i % count * sizeof element, sizeof element);
      const bool has_parts = names.size() > count;
      symbols_[symbol->name] = has_parts ? std::max<int64_t>(symbol->sign * element, 0) : element;
    }
    values_.insert_or_assign(node.outputs[0], elements);
    return {};
  }

  Vec<int64_t> shape_of(ValueId v) const {
    Vec<int64_t> shape;
    for (const Dim& d : g_[v].type.shape) shape.push_back(evaluate(d, symbols_).value());
    return shape;
  }

  const Tensor& value(ValueId v) {
    auto found = values_.find(v);
    const bool is_dims = g_[v].def.kind == ValueDef::Kind::kDims;
    if (found != values_.end() && !is_dims) return found->second;
    Tensor t{g_[v].type.dtype, shape_of(v), {}};
    if (const Constant* c = g_.constant_of(v)) {
      t.bytes.assign(reinterpret_cast<const char*>(c->data.bytes().data()), c->data.bytes().size());
    }
    for (const Dim& d : g_[v].def.dims) {
      const int64_t element = evaluate(d, symbols_).value();
      t.bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
    }
    return values_.insert_or_assign(v, std::move(t)).first->second;
  }

  Status run(RegionId r) {
    for (const NodeId id : g_[r].nodes) {
      const Node& node = g_[id];
      const bool loops = node.regions.size() == 1;
      RLX_TRY_VOID(node.regions.empty() ? run(id) : loops ? run_loop(node) : run_branch(node));
    }
    return {};
  }

  Status run_loop(const Node& node) {
    const Region& body = g_[node.regions[0]];
    const size_t carried = node.inputs.size() - 2;
    int64_t trips = 0, ran = 0;
    std::memcpy(&trips, value(node.inputs[0]).bytes.data(), sizeof trips);
    bool goes_on = value(node.inputs[1]).bytes[0] != 0;
    Vec<Tensor> state;
    for (size_t i = 0; i < carried; ++i) state.push_back(value(node.inputs[2 + i]));
    Vec<std::string> slices(node.outputs.size() - carried);
    for (int64_t trip = 0; trip < trips && goes_on; ++trip) {
      std::string number(sizeof trip, '\0');
      std::memcpy(number.data(), &trip, sizeof trip);
      values_.insert_or_assign(body.arguments[0], Tensor{DType::kI64, {}, number});
      values_.insert_or_assign(body.arguments[1], Tensor{DType::kBool, {}, "\1"});
      for (size_t i = 0; i < carried; ++i) {
        tell(g_[body.arguments[2 + i]].type.shape, state[i].shape);
        values_.insert_or_assign(body.arguments[2 + i], state[i]);
      }
      RLX_TRY_VOID(run(node.regions[0]));
      ++ran;
      goes_on = value(body.results[0]).bytes[0] != 0;
      for (size_t i = 0; i < carried; ++i) state[i] = value(body.results[1 + i]);
      for (size_t i = 0; i < slices.size(); ++i) {
        slices[i] += value(body.results[1 + carried + i]).bytes;
      }
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId v = node.outputs[i];
      const Vec<Dim>& shape = g_[v].type.shape;
      if (i < carried) {
        tell(shape, state[i].shape);
      } else {
        tell({shape[0]}, {ran});
      }
      Tensor t{g_[v].type.dtype, shape_of(v), {}};
      t.bytes = i < carried ? state[i].bytes : slices[i - carried];
      values_.insert_or_assign(v, std::move(t));
    }
    return {};
  }

  // Of an If.
  Status run_branch(const Node& node) {
    const bool condition = value(node.inputs[0]).bytes[0] != 0;
    const RegionId taken = node.regions[condition ? 0 : 1];
    RLX_TRY_VOID(run(taken));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Tensor result = value(g_[taken].results[i]);
      tell(g_[node.outputs[i]].type.shape, result.shape);
      RLX_CHECK(shape_of(node.outputs[i]) == result.shape);
      values_.insert_or_assign(node.outputs[i], result);
    }
    return {};
  }

  Status run(NodeId id) {
    if (g_[id].op().tells) return tell(g_[id]);
    RLX_TRY(Kernel k, lower(g_, id));
    for (ValueId v : g_[id].outputs) {
      Tensor t{g_[v].type.dtype, shape_of(v), {}};
      // Bits that no result has: what a lowering forgets shows.
      t.bytes.assign(static_cast<size_t>(bytes_of(t.dtype, t.elements())), '\x5a');
      values_.insert_or_assign(v, std::move(t));
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
