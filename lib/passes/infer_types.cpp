#include "passes/infer_types.h"

#include <algorithm>

#include "ir/codes.h"
#include "ir/infer_ctx.h"
#include "kernel/storage.h"
#include "op/if.h"
#include "op/loop.h"
#include "op/sequences.h"
#include "op/shared/codes.h"
#include "passes/changing_extents.h"
#include "passes/codes.h"
#include "passes/evaluate.h"
#include "passes/expand_lists.h"
#include "passes/input_elements.h"
#include "passes/replacement.h"
#include "passes/settle_symbols.h"
#include "passes/tell_operands.h"

namespace rlx {
namespace {

// Inputs of a kind or element type that the operator is not written for; nullopt: none.
std::optional<Diagnostic> fault_of(const Graph& g, NodeId id) {
  const Node& node = g[id];
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId v = node.inputs[i];
    if (!v.valid() || g[v].type.kind == Type::Kind::kUnknown) continue;
    const Type& type = g[v].type;
    const std::string input = "input " + std::to_string(i);
    if (!type.is_tensor()) return diagnostic_of(g, id, kUnsupportedInput, input + " is no tensor");
    const bool any = i != 0 && type.dtype != DType::kString && !is_sub_byte(type.dtype);
    if (any || node.op().dtypes.has(type.dtype)) continue;
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
  auto count = static_cast<int64_t>(elements.size());
  std::string bytes(static_cast<size_t>(bytes_of(type.dtype, count)), '\0');
  auto* at = reinterpret_cast<std::byte*>(bytes.data());
  for (const Dim& d : elements) {
    to_bytes(Scalar::of_int(type.dtype, *d.constant()), at);
    at += size_of(type.dtype);
  }
  return g.add_constant(make_constant(type.dtype, extents_of(type), std::move(bytes)));
}

// What is computed on the way, since a shape may depend on it: few elements in few steps.
constexpr double kMostInferencePoints = 4096;

bool is_small(const Graph& g, const Values& values) {
  return std::all_of(values.begin(), values.end(), [&](ValueId v) {
    return g[v].type.elements().constant().value_or(kMostShapeElements + 1) <= kMostShapeElements;
  });
}

// Whether a type that stands in the file cannot be the one that was inferred.
bool contradicts(const Type& declared, const Type& inferred) {
  if (!declared.is_tensor() || !inferred.is_tensor()) return false;
  if (declared.dtype != inferred.dtype || declared.rank() != inferred.rank()) return true;
  for (size_t i = 0; i < inferred.shape.size(); ++i) {
    const auto a = declared.shape[i].constant(), b = inferred.shape[i].constant();
    if (a && b && *a != *b) return true;
  }
  return false;
}

// The branch that an If always takes; nullopt where the run decides.
std::optional<RegionId> taken_branch(const Graph& g, const Node& node) {
  if (!as<ops::If>(node) || !arity_problem(node).empty()) return std::nullopt;
  const Constant* condition = g.constant_of(node.inputs[0]);
  if (!condition || condition->dtype != DType::kBool || condition->elements() != 1) {
    return std::nullopt;
  }
  const RegionId taken = node.regions[condition->data.bytes()[0] == std::byte{0} ? 1 : 0];
  return g[taken].results.size() == node.outputs.size() ? std::optional(taken) : std::nullopt;
}

// One walk over all nodes, those of a region before the node that owns it.
class Inference {
 public:
  explicit Inference(Graph& g) : g_(g) {}

  Status run() {
    replace_constant_dims();
    for (auto& [input, elements] : named_inputs(g_)) {
      const Type type = g_[input].type;
      replacement_.emplace(input, solved_value(g_, type, elements));
    }
    enter({Graph::kTop});
    while (!open_.empty()) step();
    lists_.expand_outputs();
    if (g_.outputs().empty()) problems_.push_back(nothing_given());
    g_.replace_uses(inlined_);
    for (const ValueId v : g_.inputs()) require_whole_bytes(v);
    for (const ValueId v : g_.outputs()) require_whole_bytes(v);
    if (!problems_.empty()) return Error(std::move(problems_));
    g_.replace_uses(replacement_);
    check_types();
    return {};
  }

  // The nodes that could not do without an operand that depends on data.
  const Vec<NodeId>& starved() const { return starved_; }
  const Vec<Known>& known() const { return known_; }

 private:
  // A region that is being walked: the nodes from `next` on are still to be visited, and after the last one
  // the owner, where it is the owner's last region.
  struct Frame {
    RegionId region;
    Vec<NodeId> nodes;
    size_t next = 0;
    NodeId owner = {};
    // How many there were before.
    size_t problems = 0, starved = 0;
  };

  // The first one opened last.
  void enter(const Vec<RegionId>& regions, NodeId owner = {}) {
    for (size_t i = regions.size(); i-- > 0;) {
      const bool is_last = i + 1 == regions.size();
      open_.push_back({.region = regions[i],
                       .nodes = std::exchange(g_[regions[i]].nodes, {}),
                       .owner = is_last ? owner : NodeId(),
                       .problems = problems_.size(),
                       .starved = starved_.size()});
    }
  }

  void step() {
    Frame& frame = open_.back();
    if (frame.next == frame.nodes.size()) {
      const Frame left = std::move(frame);
      open_.pop_back();
      if (left.owner.valid()) leave(left);
      return;
    }
    const NodeId id = frame.nodes[frame.next++];
    for (ValueId& v : g_[id].inputs) v = resolved(replacement_, v);
    if (const auto branch = taken_branch(g_, g_[id])) return take(frame, id, *branch);
    if (is_about_lists(g_[id])) return write_out(frame, id);
    g_[frame.region].nodes.push_back(id);
    if (g_[id].regions.empty()) return visit(frame.region, id);
    if (arity_problem(g_[id]).empty()) lists_.expand_operands(id);
    const bool is_loop = as<ops::Loop>(g_[id]) && arity_problem(g_[id]).empty();
    if (is_loop && !type_arguments(g_[id])) return fail(id, other_values(id));
    enter(g_[id].regions, id);
  }

  // Of what a loop's body is given; false: it takes something else.
  bool type_arguments(const Node& loop) {
    const Values& arguments = g_[loop.regions[0]].arguments;
    Types types = ops::Loop::argument_types(g_, loop);
    if (types.size() != arguments.size()) return false;
    for (size_t i = 0; i < arguments.size(); ++i) g_[arguments[i]].type = std::move(types[i]);
    return true;
  }

  Diagnostic other_values(NodeId loop) const {
    return diagnostic_of(g_, loop, kBadInput, std::string(ops::Loop::kOtherValues));
  }

  // Whether the body was inferred with the extents that change; note_changing_extents knows nothing of lists.
  bool has_arguments(const Node& loop) const {
    const Types types = ops::Loop::argument_types(g_, loop);
    const Values& arguments = g_[loop.regions[0]].arguments;
    return std::ranges::equal(arguments, types, {}, [&](ValueId v) { return g_[v].type; });
  }

  Diagnostic changing_beside_lists(NodeId loop) const {
    Diagnostic d = diagnostic_of(g_, loop, kUnsupportedForm,
                                 "extents that change from trip to trip are carried beside "
                                 "sequences, which is not supported yet");
    d.hint = "carry the sequences in a loop of their own";
    return d;
  }

  // The regions of the owner are done; what they give may be what stands for another value by now.
  void leave(const Frame& last) {
    for (const RegionId r : g_[last.owner].regions) {
      for (ValueId& v : g_[r].results) v = resolved(replacement_, v);
    }
    if (lists_.is_empty() || lists_.expand_results(last.owner)) {
      return visit(open_.back().region, last.owner);
    }
    if (as<ops::Loop>(g_[last.owner])) return unroll(last);
    Diagnostic d = diagnostic_of(g_, last.owner, kMustBeKnown,
                                 "the branches give sequences of different lengths");
    d.hint =
        "bind the dims, or the input, that the condition depends on, so that one branch is left";
    fail(last.owner, std::move(d));
  }

  void fail(NodeId id, Diagnostic d) {
    problems_.push_back(std::move(d));
    for (const ValueId v : g_[id].outputs) g_[v].type = Type::unknown();
  }

  // ---- Lists ----

  bool is_about_lists(const Node& node) const {
    if (!arity_problem(node).empty()) return false;
    if (node.op().on_lists || as<ops::SequenceMap>(node)) return true;
    return node.op_name() == "identity" && lists_.has(node.inputs[0]);
  }

  // What stands for the outputs of a node on lists, which is no node of the graph any more.
  void write_out(Frame& frame, NodeId id) {
    const bool is_lost = std::ranges::any_of(g_[id].inputs, [&](ValueId v) {
      return v.valid() && g_[v].type.kind == Type::Kind::kUnknown;
    });
    // The problem that it has an unknown type for has been told.
    if (is_lost) return;
    const size_t first = g_[frame.region].nodes.size();
    auto outputs = lists_.outputs_of(frame.region, id, known_);
    if (!outputs) return fail(id, outputs.error().first());
    for (size_t i = 0; i < outputs->size(); ++i) {
      ListResult& output = (*outputs)[i];
      const ValueId v = g_[id].outputs[i];
      if (output.is_list()) {
        lists_.add(v, std::move(output));
      } else {
        inline_output(v, output.values[0]);
      }
    }
    postpone(frame, first);
  }

  // The nodes of the frame's region from `first` on are visited next.
  void postpone(Frame& frame, size_t first) {
    Vec<NodeId>& nodes = g_[frame.region].nodes;
    const auto begin = nodes.begin() + static_cast<ptrdiff_t>(first);
    frame.nodes.insert(frame.nodes.begin() + static_cast<ptrdiff_t>(frame.next), begin,
                       nodes.end());
    nodes.erase(begin, nodes.end());
  }

  // The body once a trip, where a list is longer after a trip than before it. What was found wrong with a body that is
  // for all trips is no matter.
  void unroll(const Frame& body) {
    const NodeId loop = body.owner;
    const std::optional<int64_t> trips = trips_of(loop);
    if (!trips) return fail(loop, not_unrolled(loop));
    problems_.erase(problems_.begin() + static_cast<ptrdiff_t>(body.problems), problems_.end());
    starved_.erase(starved_.begin() + static_cast<ptrdiff_t>(body.starved), starved_.end());
    Frame& frame = open_.back();
    Vec<NodeId>& nodes = g_[frame.region].nodes;
    RLX_CHECK(nodes.back() == loop, "a loop is the last node that was opened");
    nodes.pop_back();
    const size_t first = nodes.size();
    const Values outputs = lists_.unroll(loop, frame.region, *trips);
    for (size_t i = 0; i < outputs.size(); ++i) inline_output(g_[loop].outputs[i], outputs[i]);
    postpone(frame, first);
  }

  std::optional<int64_t> trips_of(NodeId loop) const {
    const Values& inputs = lists_.inputs_of(loop);
    const Region& body = lists_.body_of(loop);
    const Known trips = known_elements(g_, inputs[0], known_);
    const auto count = trips && trips->size() == 1 ? trips->front().constant() : std::nullopt;
    const size_t results = g_[loop].outputs.size() + 1, carried = inputs.size() - 1;
    if (!count || *count > kMostTrips || body.results.size() != results) return std::nullopt;
    // Without a trip nobody knows the extents of slices.
    if (*count <= 0 && results > carried) return std::nullopt;
    if (!ops::Loop::runs_to_end(g_, inputs[1], body)) return std::nullopt;
    return count;
  }

  Diagnostic not_unrolled(NodeId loop) const {
    Diagnostic d = diagnostic_of(g_, loop, kMustBeKnown,
                                 "a sequence that the loop carries changes its length");
    d.hint = "that takes a number of trips which is known when the model is compiled, at most " +
             std::to_string(kMostTrips) + ", and a condition that always holds";
    return d;
  }

  static Diagnostic nothing_given() {
    return {.code = kUnsupportedForm,
            .message = "the outputs of the model hold no tensor",
            .hint = "each is an empty sequence or optional"};
  }

  // ---- Branches ----

  void inline_output(ValueId out, ValueId v) {
    if (g_[v].name.empty()) g_[v].name = g_[out].name;
    inlined_.emplace(out, v);
    replacement_.emplace(out, v);
  }

  // The branch's nodes stand in the node's place.
  void take(Frame& frame, NodeId id, RegionId branch) {
    const Region& taken = g_[branch];
    const auto next = frame.nodes.begin() + static_cast<ptrdiff_t>(frame.next);
    frame.nodes.insert(next, taken.nodes.begin(), taken.nodes.end());
    for (const Fact& f : taken.facts) g_[frame.region].facts.push_back(f);
    for (size_t i = 0; i < taken.results.size(); ++i) {
      const ValueId out = g_[id].outputs[i], result = taken.results[i];
      inline_output(out, result);
      const ValueDef& def = g_[result].def;
      const bool is_made = def.kind == ValueDef::Kind::kNode &&
                           std::ranges::find(taken.nodes, def.node) != taken.nodes.end();
      Types were{g_[out].type};
      const auto [first, last] = inlined_types_.equal_range(out);
      for (auto was = first; was != last; ++was) were.push_back(was->second);
      for (Type& was : were) {
        // What the branch makes is typed later.
        if (!is_made) settle(found_out(g_, was, g_[result].type));
        if (is_made) inlined_types_.emplace(result, std::move(was));
      }
    }
  }

  // Two types that are unknown are no same type, which rewrites would take them for.
  void check_types() const {
    for (const RegionId r : g_.live_regions()) {
      for (const NodeId id : g_[r].nodes) {
        for (const ValueId v : g_[id].outputs) {
          RLX_CHECK(g_[v].type.kind != Type::Kind::kUnknown,
                    "an output of " + std::string(g_[id].op_name()) + " has no type");
        }
      }
    }
  }

  // Dims whose symbols are bound.
  void replace_constant_dims() {
    for (size_t i = 0; i < g_.values.size(); ++i) {
      const ValueDef& def = g_.values[i].def;
      if (def.kind != ValueDef::Kind::kDims || !are_constant(def.dims)) continue;
      // Copied: a new value may move the others.
      const Type type = g_.values[i].type;
      replacement_.emplace(ValueId(i), solved_value(g_, type, Vec<Dim>(def.dims)));
    }
  }

  // Callers have no arrays of 4 bits.
  void require_whole_bytes(ValueId v) {
    const DType type = g_[v].type.dtype;
    if (!g_[v].type.is_tensor() || !is_sub_byte(type)) return;
    Diagnostic d{.code = kUnsupportedInput,
                 .message = "%" + std::to_string(v.index) + " \"" + g_[v].name +
                            "\", an input or output of the model, has elements of type " +
                            std::string(name(type))};
    d.hint = "make it a constant, or cast it";
    problems_.push_back(std::move(d));
  }

  void visit(RegionId region, NodeId id) {
    if (std::optional<Diagnostic> fault = fault_of(g_, id)) {
      problems_.push_back(*std::move(fault));
      for (const ValueId v : g_[id].outputs) g_[v].type = Type::unknown();
      return;
    }
    if (g_[id].op_name() == "slice") widen_operands(id);
    const size_t problems = problems_.size();
    Types before;
    for (const ValueId v : g_[id].outputs) before.push_back(g_[v].type);
    infer_node(g_, region, id, known_, problems_);
    if (problems_.size() > problems) {
      if (problems_.back().code == kMustBeKnown) starved_.push_back(id);
      return;
    }
    if (as<ops::Loop>(g_[id]) && !has_arguments(g_[id])) return fail(id, changing_beside_lists(id));
    for (const ValueId v : g_[id].outputs) compare_with_declared(id, v);
    find_out(id, before);
    solve(id);
    compute(id);
  }

  // What the node does not tell any more.
  void find_out(NodeId id, const Types& before) {
    if (g_[id].op().tells) {
      const Known elements = known_elements(g_, g_[id].inputs[0], known_);
      if (elements) settle(found_out(g_, id, *elements));
    }
    const bool has_regions = !g_[id].regions.empty();
    for (size_t i = 0; i < before.size(); ++i) {
      const ValueId v = g_[id].outputs[i];
      if (has_regions) settle(found_out(g_, before[i], g_[v].type));
      const auto [first, last] = inlined_types_.equal_range(v);
      for (auto was = first; was != last; ++was) settle(found_out(g_, was->second, g_[v].type));
    }
  }

  void settle(const FoundOut& found) {
    for (const ValueId v : settle_symbols(g_, found)) {
      // Copied: a new value may move the others.
      const Type type = g_[v].type;
      replacement_.emplace(v, solved_value(g_, type, Vec<Dim>(g_[v].def.dims)));
    }
  }

  // Its starts and ends may be i32, for which expressions have no form; an index is none the wider.
  void widen_operands(NodeId id) {
    for (size_t i = 1; i < g_[id].inputs.size(); ++i) {
      const ValueId v = g_[id].inputs[i];
      const Known known = known_elements(g_, v, known_);
      if (!known || g_[v].type.dtype != DType::kI32 || are_constant(*known)) continue;
      const int rank = g_[v].type.rank();
      g_[id].inputs[i] = g_.add_dims(*known, rank);
    }
  }

  // Later the file's word is not asked: dims that are bound change types.
  void compare_with_declared(NodeId id, ValueId v) {
    const Type declared = std::exchange(g_[v].declared, Type::unknown());
    if (!contradicts(declared, g_[v].type)) return;
    Diagnostic d = diagnostic_of(g_, id, kDeclaredMismatch,
                                 "output " + g_[v].name + " is declared as " + to_text(declared) +
                                     ", but its node makes " + to_text(g_[v].type));
    d.hint = "the model contradicts itself: export it again, or correct the declaration";
    problems_.push_back(std::move(d));
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
    auto constants = evaluate(g_, id, kMostInferencePoints);
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
  Vec<NodeId> starved_;
  Replacement replacement_;
  // What took the place of outputs whose node is gone, whatever else fails.
  Replacement inlined_;
  // By what took their place: the types that they had.
  std::multimap<ValueId, Type> inlined_types_;
  ListExpansion lists_{g_, replacement_};
  Vec<Frame> open_;
};

// ---- What is learned of symbols ---------------------------------------------------------------

// The symbol that d is the lesser of, and c, where d is min(symbol, c).
std::optional<std::pair<Dim, int64_t>> capped(const Dim& d) {
  if (d.terms().size() != 1 || d.terms()[0].coefficient != 1) return std::nullopt;
  const Factors factors = d.terms()[0].factors;
  if (factors.size() != 1 || factors[0].kind != Atom::Kind::kMin) return std::nullopt;
  for (const size_t i : {0, 1}) {
    const Dim &symbol = factors[0].args[i], &cap = factors[0].args[1 - i];
    if (symbol.as_symbol() && cap.constant()) return std::pair(symbol, *cap.constant());
  }
  return std::nullopt;
}

// c where d is min(symbol, c).
std::optional<int64_t> cap_of(const Dim& d, const Dim& symbol) {
  const auto parts = capped(d);
  return parts && parts->first == symbol ? std::optional(parts->second) : std::nullopt;
}

// The symbol of an input's extent or of the caller that d is.
Symbol* bounded_symbol(Graph& g, const Dim& d) {
  const std::optional<SymbolName> name = d.as_symbol();
  if (!name || !g.find_symbol(*name)) return nullptr;
  Symbol& s = *g.symbols.find(*name);
  return s.source == Symbol::Source::kData ? nullptr : &s;
}

// c <= s and s <= c are ranges.
bool narrows_by_order(Graph& g, const Fact& f) {
  const std::optional<int64_t> lo = f.a.constant(), hi = f.b.constant();
  Symbol* s = lo ? bounded_symbol(g, f.b) : hi ? bounded_symbol(g, f.a) : nullptr;
  if (!s || (lo && *lo > s->max) || (hi && *hi < s->min)) return false;
  if (lo) s->min = std::max(s->min, *lo);
  if (hi) s->max = std::min(s->max, *hi);
  return true;
}

// min(s, c) == c.
bool narrows_by_cap(Graph& g, const Fact& f) {
  const bool left = f.b.constant().has_value();
  const auto parts = capped(left ? f.a : f.b);
  const std::optional<int64_t> c = (left ? f.b : f.a).constant();
  if (!parts || !c || parts->second != *c) return false;
  return narrows_by_order(g, {.relation = Fact::Relation::kLessEqual, .a = *c, .b = parts->first});
}

// An input's extent s that has to be min(s, c) is at most c: a range is checked where the input is
// bound, and lets all extents be s. Facts of the graph itself alone: those of a region hold where it runs. True where
// a range changed.
bool narrow_ranges(Graph& g) {
  const auto narrows = [&](const Fact& f) {
    if (f.relation == Fact::Relation::kLessEqual) return narrows_by_order(g, f);
    if (narrows_by_cap(g, f)) return true;
    for (auto [symbol, other] : {std::pair(&f.a, &f.b), std::pair(&f.b, &f.a)}) {
      Symbol* s = bounded_symbol(g, *symbol);
      const std::optional<int64_t> cap = cap_of(*other, *symbol);
      if (!s || !cap || *cap < s->min) continue;
      s->max = std::min(s->max, *cap);
      return true;
    }
    return false;
  };
  return g.top().facts.erase_if(narrows) > 0;
}

bool has_lists(const Graph& g) {
  return std::ranges::any_of(g.nodes, [](const Node& n) { return n.op().on_lists != nullptr; });
}

}  // namespace

Status infer_types(Graph& g) {
  do {
    note_changing_extents(g, [](Graph& trial) {
      // What is wrong is said of the graph itself.
      const Status ignored = Inference(trial).run();
      (void)ignored;
    });
    // Lists are written out on the way, also where something else is wrong.
    std::optional<Graph> before = has_lists(g) ? std::optional(g) : std::nullopt;
    Inference inference(g);
    Status inferred = inference.run();
    if (inferred) continue;
    if (!name_elements(g, inference.starved(), inference.known())) {
      if (before) return inferred;
      RLX_TRY(const bool told, tell_operands(g, inference.starved(), inference.known()));
      if (!told) return inferred;
    } else if (before) {
      before->symbols = std::move(g.symbols);
      g = std::move(*before);
    }
    // The same again, with more known.
    if (inferred = infer_types(g); !inferred) return inferred;
  } while (narrow_ranges(g));
  return {};
}

}  // namespace rlx
