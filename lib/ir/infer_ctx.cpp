#include "ir/infer_ctx.h"

#include <algorithm>

#include "ir/codes.h"
#include "ir/tellers.h"
#include "support/ending.h"

namespace rlx {
namespace {

constexpr const char* kHint = "one of its inputs has another shape than the model means";

std::string value_name(const Graph& g, ValueId v) {
  return g[v].name.empty() ? "%" + std::to_string(v.index) : g[v].name;
}

Known elements_of(const Constant& c) {
  if (!is_integer(c.dtype) || c.shape.size() > 1) return std::nullopt;
  auto integers = integers_of(c);
  if (!integers) return std::nullopt;
  return Vec<Dim>(integers->begin(), integers->end());
}

}  // namespace

Diagnostic diagnostic_of(const Graph& g, NodeId id, int code, std::string message) {
  const Node& node = g[id];
  Diagnostic d{.code = code, .message = std::move(message), .op = std::string(node.op_name())};
  if (!node.origin.empty()) d.node = node.origin.front();
  for (const ValueId v : node.inputs) {
    if (v.valid()) d.shapes.push_back(value_name(g, v) + ": " + to_text(g[v].type));
  }
  return d;
}

std::string arity_problem(const Node& node) {
  const Arity& arity = node.op().arity;
  const size_t least = static_cast<size_t>(arity.in), given = node.inputs.size();
  const size_t most = least + static_cast<size_t>(arity.optional);
  if (given < least || (given > most && !arity.variadic)) {
    return "has " + std::to_string(given) + " inputs";
  }
  for (size_t i = 0; i < given; ++i) {
    const bool is_optional = i >= least && i < most;
    if (!is_optional && !node.inputs[i].valid()) return "lacks input " + std::to_string(i);
  }
  const size_t outputs = node.outputs.size(), all = static_cast<size_t>(arity.out);
  if (outputs > all || (outputs == 0 && all > 0)) {
    return "has " + std::to_string(outputs) + " outputs";
  }
  if (node.regions.size() == static_cast<size_t>(node.op().regions)) return {};
  return "has " + std::to_string(node.regions.size()) + " regions";
}

std::optional<DType> refused_type(const Graph& g, const Node& node) {
  const DTypes taken = node.op().dtypes;
  for (const ValueId v : node.inputs) {
    if (!v.valid() || !g[v].type.is_tensor()) continue;
    const DType type = g[v].type.dtype;
    if (is_sub_byte(type) && !taken.has(type)) return type;
  }
  const bool has_input = !node.inputs.empty() && node.inputs[0].valid();
  if (!has_input && node.outputs.empty()) return std::nullopt;
  const Type& type = g[has_input ? node.inputs[0] : node.outputs[0]].type;
  const bool is_taken = !type.is_tensor() || taken.bits == 0 || taken.has(type.dtype);
  return is_taken ? std::nullopt : std::optional(type.dtype);
}

Known known_elements(const Graph& g, ValueId v, const Vec<Known>& told) {
  if (!v.valid()) return std::nullopt;
  const ValueDef& def = g[v].def;
  if (def.kind == ValueDef::Kind::kDims) return def.dims;
  if (def.kind == ValueDef::Kind::kConstant) return elements_of(g[def.constant]);
  return v.index < told.size() ? told[v.index] : std::nullopt;
}

InferCtx::InferCtx(Graph& graph, RegionId region, NodeId node, const Types& before,
                   const Vec<Known>& known, Vec<Diagnostic>& problems)
    : graph_(graph),
      region_(region),
      node_(node),
      before_(before),
      known_(known),
      problems_(problems) {
  told_.resize(this->node().outputs.size());
}

// ---- Inputs and outputs -----------------------------------------------------------------------

int InferCtx::inputs() const { return static_cast<int>(node().inputs.size()); }
int InferCtx::outputs() const { return static_cast<int>(node().outputs.size()); }

bool InferCtx::has(int i) const {
  return i >= 0 && i < inputs() && node().inputs[static_cast<size_t>(i)].valid();
}

const Type& InferCtx::in(int i) const {
  RLX_CHECK(has(i), "inference looks at an input that is left out");
  return graph_[node().inputs[static_cast<size_t>(i)]].type;
}

int InferCtx::results(int i) const {
  return static_cast<int>(graph_[node().regions[static_cast<size_t>(i)]].results.size());
}

const Type& InferCtx::result(int i, int result) const {
  const Region& region = graph_[node().regions[static_cast<size_t>(i)]];
  return graph_[region.results[static_cast<size_t>(result)]].type;
}

Known InferCtx::known(int i) const {
  if (!has(i)) return std::nullopt;
  return known_elements(graph_, node().inputs[static_cast<size_t>(i)], known_);
}

const Constant* InferCtx::constant(int i) const {
  return has(i) ? graph_.constant_of(node().inputs[static_cast<size_t>(i)]) : nullptr;
}

void InferCtx::set_known(int output, Vec<Dim> elements) {
  // What is no number is left to the run, whose arithmetic wraps around.
  if (std::any_of(elements.begin(), elements.end(), has_no_value)) return;
  told_.at(static_cast<size_t>(output)) = std::move(elements);
}

// ---- Problems ---------------------------------------------------------------------------------

Error InferCtx::error(int code, std::string message, std::string hint) const {
  Diagnostic d = diagnostic_of(graph_, node_, code, std::move(message));
  d.hint = std::move(hint);
  return Error(std::move(d));
}

void InferCtx::report(const Error& e) {
  problems_.insert(problems_.end(), e.items.begin(), e.items.end());
}

// ---- Extents ----------------------------------------------------------------------------------

Dim InferCtx::new_symbol() { return new_told_symbol(graph_); }

Dim InferCtx::told_extent(int output, int axis) {
  const Type& before = before_[static_cast<size_t>(output)];
  if (!before.is_tensor() || axis >= before.rank()) return new_symbol();
  const Dim& d = before.shape[static_cast<size_t>(axis)];
  return told_symbol_of(graph_, d) ? d : new_symbol();
}

Dim InferCtx::told_symbol(const std::string& name, int sign) {
  if (!graph_.find_symbol(name)) {
    graph_.symbols.push_back(
        {.name = name, .source = Symbol::Source::kData, .sign = sign, .min = 0});
  }
  return Dim::symbol(name);
}

Dim InferCtx::simplified(const Dim& d) const { return simplify(d, graph_.symbol_ranges()); }

bool InferCtx::can_equal(const Dim& a, const Dim& b) const {
  return rlx::can_equal(a, b, graph_.symbol_ranges());
}

Status InferCtx::require_equal(const Dim& a, const Dim& b) {
  if (a == b) return {};
  Dim x = simplified(a), y = simplified(b);
  if (x == y) return {};
  if (!can_equal(x, y)) {
    return error(kModelMismatch,
                 "extents " + to_text(a) + " and " + to_text(b) + " have to be the same", kHint);
  }
  if (y < x) std::swap(x, y);
  add_fact(Fact::Relation::kEqual, std::move(x), std::move(y));
  return {};
}

Status InferCtx::require_at_most(const Dim& a, const Dim& b) {
  Dim x = simplified(a), y = simplified(b);
  const RangeOf range = graph_.symbol_ranges();
  if (proven_nonnegative(y - x, range)) return {};
  if (proven_nonnegative(x - y - 1, range)) {
    return error(kModelMismatch, to_text(a) + " has to be at most " + to_text(b), kHint);
  }
  add_fact(Fact::Relation::kLessEqual, std::move(x), std::move(y));
  return {};
}

void InferCtx::add_fact(Fact::Relation relation, Dim a, Dim b) {
  // Of what the run tells the graph may mean another value, that of another trip.
  const bool told = speaks_of_told(graph_, a) || speaks_of_told(graph_, b);
  for (const RegionId r : {told ? region_ : Graph::kTop, region_}) {
    if (graph_[r].facts.find({relation, a, b})) return;
  }
  std::string origin = node().origin.empty() ? std::string() : node().origin.front();
  graph_[region_].facts.push_back(
      {.relation = relation, .a = std::move(a), .b = std::move(b), .node = std::move(origin)});
}

namespace {

// How long an expression is: of two that are equal, the shorter one says what other tensors say too.
int atoms_of(const Dim& d) {
  int count = 0;
  each_atom(d, [&](const Atom&) { ++count; });
  return count;
}

}  // namespace

Result<Dim> InferCtx::broadcast(const Dim& a, const Dim& b) {
  if (b.is(1)) return a;
  if (a.is(1)) return b;
  // 1 or none, there is nothing to repeat.
  for (auto [none, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    if (!none->is(0) || other->constant()) continue;
    RLX_TRY_VOID(require_at_most(*other, 1));
    return *none;
  }
  const RangeOf range = graph_.symbol_ranges();
  bool first = repeats(a, b, range) && can_equal(a, 1);
  bool second = repeats(b, a, range) && can_equal(b, 1);
  if (first && second) {
    first = proven_nonnegative(1 - a, range);
    second = proven_nonnegative(1 - b, range);
  }
  if (first != second) {
    RLX_TRY_VOID(require_equal(first ? a : b, 1));
    return first ? b : a;
  }
  if (!can_equal(a, b)) {
    return error(kModelMismatch,
                 "extents " + to_text(a) + " and " + to_text(b) + " are neither the same nor 1",
                 kHint);
  }
  RLX_TRY_VOID(require_equal(a, b));
  return atoms_of(b) < atoms_of(a) ? b : a;
}

Result<Vec<Dim>> InferCtx::broadcast(const Vec<Dim>& a, const Vec<Dim>& b) {
  const Vec<Dim>&longer = a.size() >= b.size() ? a : b, &shorter = a.size() >= b.size() ? b : a;
  Vec<Dim> out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    RLX_TRY(out[offset + i], broadcast(longer[offset + i], shorter[i]));
  }
  return out;
}

// ---- One node ---------------------------------------------------------------------------------

namespace {

bool has_unknown(const Graph& g, const Values& values) {
  return std::any_of(values.begin(), values.end(), [&](ValueId v) {
    return v.valid() && g[v].type.kind == Type::Kind::kUnknown;
  });
}

bool has_unknown_operand(const Graph& g, const Node& node) {
  return has_unknown(g, node.inputs) || std::ranges::any_of(node.regions, [&](RegionId r) {
           return has_unknown(g, g[r].results);
         });
}

// The greatest that the extent can be for symbols of 1; nullopt beyond kMostBytes.
std::optional<int64_t> weight(const Dim& d) {
  if (d.is_overflow()) return std::nullopt;
  int64_t sum = 0;
  for (const Term& t : d.terms()) {
    if (t.coefficient <= -kMostBytes || t.coefficient >= kMostBytes) return std::nullopt;
    sum += std::abs(t.coefficient);
    if (sum >= kMostBytes) return std::nullopt;
  }
  return std::max<int64_t>(sum, 1);
}

constexpr size_t kMostAxes = 64;

bool is_too_large(const Type& t) {
  if (t.shape.size() > kMostAxes) return true;
  int64_t bytes = std::max<int64_t>(size_of(t.dtype), 1);
  for (const Dim& d : t.shape) {
    const auto extent = weight(d);
    if (!extent || __builtin_mul_overflow(bytes, *extent, &bytes) || bytes >= kMostBytes) {
      return true;
    }
  }
  return false;
}

// What no tensor's type may be; it is said of the node that would make it.
std::optional<Error> fault_of(const InferCtx& c, const Type& t) {
  if (!t.is_tensor()) return std::nullopt;
  if (is_too_large(t)) {
    return c.error(kTooLarge, "a tensor " + to_text(t) + " is too large",
                   "a tensor has at most 64 axes and takes less than 2^47 bytes");
  }
  const RangeOf range = c.graph().symbol_ranges();
  for (const Dim& d : t.shape) {
    if (has_no_value(d)) return c.error(kModelMismatch, to_text(d) + " divides by 0");
    if (proven_nonnegative(Dim(-1) - d, range)) {
      return c.error(kModelMismatch, "an extent is negative: " + to_text(d));
    }
  }
  return std::nullopt;
}

// An operator tells the types of all its outputs; a node may lack the last of them.
void store_types(Graph& g, NodeId id, Types types) {
  const Values& outputs = g[id].outputs;
  RLX_CHECK(types.size() >= outputs.size(),
            std::string(g[id].op_name()) + " infers fewer outputs than it has");
  for (size_t i = 0; i < outputs.size(); ++i) g[outputs[i]].type = std::move(types[i]);
}

void store_known(const Graph& g, NodeId id, const Vec<Known>& told, Vec<Known>& known) {
  const Values& outputs = g[id].outputs;
  for (size_t i = 0; i < told.size(); ++i) {
    if (!told[i]) continue;
    if (known.size() < g.values.size()) known.resize(g.values.size());
    known[outputs[i].index] = told[i];
  }
}

}  // namespace

void infer_node(Graph& g, RegionId region, NodeId id, Vec<Known>& known,
                Vec<Diagnostic>& problems) {
  const AtHand here("infer", g[id].origin);
  Types before;
  for (const ValueId v : g[id].outputs) before.push_back(g[v].type);
  store_types(g, id, Types(g[id].outputs.size(), Type::unknown()));
  if (const std::string problem = arity_problem(g[id]); !problem.empty()) {
    return problems.push_back(diagnostic_of(g, id, kWrongArity, "the node " + problem));
  }
  if (has_unknown_operand(g, g[id])) return;
  // `infer` adds symbols and facts to the graph, but no nodes: the attributes stay where they are.
  const Attrs& attrs = g[id].attrs;
  InferCtx ctx(g, region, id, before, known, problems);
  auto types = attrs.op()->infer(attrs.data(), ctx);
  if (!types) return ctx.report(types.error());
  for (const Type& t : *types) {
    if (auto fault = fault_of(ctx, t)) return ctx.report(*fault);
  }
  store_types(g, id, std::move(*types));
  store_known(g, id, ctx.told(), known);
}

}  // namespace rlx
