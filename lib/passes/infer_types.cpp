#include "passes/infer_types.h"

#include <algorithm>

#include "ir/infer_ctx.h"
#include "kernel/storage.h"
#include "passes/codes.h"
#include "passes/evaluate.h"
#include "passes/walk.h"

namespace rlx {
namespace {

// Inputs of a kind or element type that the operator is not written for; nullopt: none.
std::optional<Diagnostic> fault_of(const Graph& g, NodeId id) {
  const Node& node = g[id];
  for (size_t i = 0; i < node.inputs.size(); i++) {
    const ValueId v = node.inputs[i];
    if (!v.valid() || g[v].type.kind == Type::Kind::kUnknown) continue;
    const Type& type = g[v].type;
    const std::string input = "input " + std::to_string(i);
    if (!type.is_tensor()) {
      return diagnostic_of(g, id, kUnsupportedInput, input + " is no tensor");
    }
    const bool supported = i == 0 ? node.op().dtypes.has(type.dtype) : type.dtype != DType::kString;
    if (supported) continue;
    return diagnostic_of(g, id, kUnsupportedInput,
                         "elements of type " + std::string(name(type.dtype)) + " in " + input +
                             " are not supported");
  }
  return std::nullopt;
}

bool are_constant(const Vec<Dim>& dims) {
  return std::all_of(dims.begin(), dims.end(),
                     [](const Dim& d) { return d.constant().has_value(); });
}

// A constant or Dims value with these elements; invalid where the type has neither form.
ValueId solved_value(Graph& g, const Type& type, const Vec<Dim>& elements) {
  if (!are_constant(elements)) {
    return type.dtype == DType::kI64 ? g.add_dims(elements, type.rank()) : ValueId();
  }
  std::string bytes(elements.size() * static_cast<size_t>(size_of(type.dtype)), '\0');
  auto* at = reinterpret_cast<std::byte*>(bytes.data());
  for (const Dim& d : elements) {
    to_bytes(Scalar::of_int(type.dtype, *d.constant()), at);
    at += size_of(type.dtype);
  }
  return g.add_constant(make_constant(type.dtype, extents_of(type), std::move(bytes)));
}

// What is computed on the way, since a shape may depend on it: few elements in few steps.
constexpr int64_t kMostElements = 64;
constexpr double kMostPoints = 4096;

bool is_small(const Graph& g, const Values& values) {
  return std::all_of(values.begin(), values.end(), [&](ValueId v) {
    return g[v].type.elements().constant().value_or(kMostElements + 1) <= kMostElements;
  });
}

// One walk over all nodes.
class Inference {
 public:
  explicit Inference(Graph& g) : g_(g) {}

  Status run() {
    replace_constant_dims();
    for (NodeId id : execution_order(g_)) visit(id);
    if (!problems_.empty()) return Error(std::move(problems_));
    g_.replace_uses(replacement_);
    return {};
  }

 private:
  // Dims whose symbols are bound.
  void replace_constant_dims() {
    for (size_t i = 0; i < g_.values.size(); i++) {
      const ValueDef& def = g_.values[i].def;
      if (def.kind != ValueDef::Kind::kDims || !are_constant(def.dims)) continue;
      // Copied: a new value may move the others.
      const Type type = g_.values[i].type;
      replacement_.emplace(ValueId(i), solved_value(g_, type, Vec<Dim>(def.dims)));
    }
  }

  void visit(NodeId id) {
    for (ValueId& v : g_[id].inputs) {
      if (auto found = replacement_.find(v); found != replacement_.end()) v = found->second;
    }
    if (std::optional<Diagnostic> fault = fault_of(g_, id)) {
      problems_.push_back(*std::move(fault));
      for (ValueId v : g_[id].outputs) g_[v].type = Type::unknown();
      return;
    }
    const size_t problems = problems_.size();
    infer_node(g_, id, known_, problems_);
    if (problems_.size() > problems) return;
    solve(id);
    compute(id);
  }

  // Outputs whose elements the operator told.
  void solve(NodeId id) {
    for (ValueId v : Values(g_[id].outputs)) {
      if (v.index >= known_.size() || !known_[v.index]) continue;
      // Copied: a new value may move the others.
      const Type type = g_[v].type;
      const ValueId solved = solved_value(g_, type, *known_[v.index]);
      if (solved.valid()) replacement_.emplace(v, solved);
    }
  }

  // Small outputs of constants.
  void compute(NodeId id) {
    if (!is_computable(g_, id) || !is_small(g_, g_[id].outputs)) return;
    auto constants = evaluate(g_, id, kMostPoints);
    if (!constants) {
      Vec<Diagnostic>& items = constants.error().items;
      problems_.insert(problems_.end(), items.begin(), items.end());
      return;
    }
    for (auto& [v, constant] : *constants) {
      if (!replacement_.contains(v)) replacement_.emplace(v, g_.add_constant(std::move(constant)));
    }
  }

  Graph& g_;
  Vec<Known> known_;
  Vec<Diagnostic> problems_;
  std::map<ValueId, ValueId> replacement_;
};

// c where d is min(symbol, c).
std::optional<int64_t> cap_of(const Dim& d, const Dim& symbol) {
  if (d.terms().size() != 1 || d.terms()[0].coefficient != 1) return std::nullopt;
  const Vec<Atom>& factors = d.terms()[0].factors;
  if (factors.size() != 1 || factors[0].kind != Atom::Kind::kMin) return std::nullopt;
  const Vec<Dim>& args = factors[0].args;
  if (args[0] == symbol) return args[1].constant();
  return args[1] == symbol ? args[0].constant() : std::nullopt;
}

// An input's extent s that has to be min(s, c) is at most c: a range is checked where the input is
// bound, and lets all extents be s. True where a range changed.
bool narrow_ranges(Graph& g) {
  const auto narrows = [&](const Fact& f) {
    if (f.relation != Fact::Relation::kEqual || f.proven) return false;
    for (auto [symbol, other] : {std::pair(&f.a, &f.b), std::pair(&f.b, &f.a)}) {
      const std::optional<std::string> name = symbol->as_symbol();
      if (!name || !g.find_symbol(*name)) continue;
      Symbol& s = g.symbol(*name);
      const std::optional<int64_t> cap = cap_of(*other, *symbol);
      if (!cap || *cap < s.min || s.source == Symbol::Source::kData) continue;
      s.max = std::min(s.max, *cap);
      return true;
    }
    return false;
  };
  return std::erase_if(g.facts, narrows) > 0;
}

}  // namespace

Status infer_types(Graph& g) {
  do {
    RLX_TRY_VOID(Inference(g).run());
  } while (narrow_ranges(g));
  return {};
}

}  // namespace rlx
