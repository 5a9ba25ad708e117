#include "ir/verifier.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ir/codes.h"
#include "ir/constant_text.h"
#include "ir/infer_ctx.h"
#include "ir/order.h"

namespace rlx {
namespace {

// ---- Types that inference gives again ---------------------------------------------------------

// Whether Dims are equal by the facts of a region and of those around it.
class Equality {
 public:
  // `regions`: that region, and those around it.
  Equality(const Graph& g, const Vec<RegionId>& regions) : g_(g), range_(g.symbol_ranges()) {
    for (const RegionId r : regions) {
      for (const Fact& f : g[r].facts) {
        if (f.relation == Fact::Relation::kEqual) add(f);
      }
    }
  }

  bool same(const Dim& a, const Dim& b) {
    if (a == b || is_fresh(a) || is_fresh(b)) return true;
    auto difference = checked_add(a, Dim(-1) * b);
    if (!difference) return false;
    const Dim d = simplify(resolved(*difference), range_);
    return d.is(0) || zeros_.contains(d);
  }

  bool same(const Type& a, const Type& b) {
    if (a.kind != b.kind || a.element.size() != b.element.size()) return false;
    if (!a.element.empty()) return same(a.element[0], b.element[0]);
    return a.dtype == b.dtype &&
           std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end(),
                      [&](const Dim& x, const Dim& y) { return same(x, y); });
  }

 private:
  // A fact gives the value of a symbol, where it stands alone, or else a Dim that is zero.
  void add(const Fact& f) {
    const Dim a = resolved(f.a), b = resolved(f.b);
    auto x = a.as_symbol(), y = b.as_symbol();
    if (a == b) return;
    if (x && !mentions(b, *x)) return void(values_.emplace(*x, b));
    if (y && !mentions(a, *y)) return void(values_.emplace(*y, a));
    for (const Dim& zero : {a - b, b - a}) zeros_.insert(simplify(zero, range_));
  }

  // d in symbols that have no value. A value may hold symbols that got theirs later.
  Dim resolved(Dim d) {
    while (true) {
      const Dim next = substitute(d, [&](const Atom& a) { return value_of(a); });
      if (next == d) return d;
      d = next;
    }
  }

  // The end of the chain of symbols of which each is the value of the one before; nullopt where a has no value.
  std::optional<Dim> value_of(const Atom& a) {
    if (a.kind != Atom::Kind::kSymbol) return std::nullopt;
    Vec<Dim*> chain;
    auto next = values_.find(a.symbol);
    while (next != values_.end()) {
      chain.push_back(&next->second);
      const auto symbol = next->second.as_symbol();
      next = symbol ? values_.find(*symbol) : values_.end();
    }
    if (chain.empty()) return std::nullopt;
    // Whoever asks again is there in one step.
    const Dim end = *chain.back();
    for (Dim* value : chain) *value = end;
    return end;
  }

  static bool mentions(const Dim& d, SymbolName symbol) {
    bool found = false;
    each_atom(d, [&](const Atom& a) { found |= a.symbol == symbol; });
    return found;
  }

  // Inference made a symbol of its own here, as it did when it gave the stored type.
  bool is_fresh(const Dim& d) const {
    auto symbol = d.as_symbol();
    return symbol && !g_.find_symbol(*symbol);
  }

  const Graph& g_;
  RangeOf range_;
  std::unordered_map<SymbolName, Dim, HashOf> values_;
  std::unordered_set<Dim, HashOf> zeros_;
};

class Verifier {
 public:
  Verifier(const Graph& g, Level level) : g_(g), level_(level), order_(definition_order(g)) {}

  Status run() && {
    symbols();
    for (const ValueId v : order_.values) value(v);
    for (const RegionId r : order_.regions) facts(g_[r]);
    for (const NodeId n : order_.nodes) node(n);
    if (g_.output_names.size() != g_.outputs().size()) problem("not every output has a name");
    if (problems_.empty() && level_ == Level::kMir) inference();
    if (!problems_.empty()) return Error(std::move(problems_));
    return {};
  }

 private:
  // ---- Symbols and values ----

  void symbols() {
    for (const Symbol& s : g_.symbols) {
      if (!names_.insert(s.name).second) problem("symbol " + s.name + " stands in the table twice");
      if (s.min < 0 || s.min > s.max || s.multiple_of < 1) {
        problem("symbol " + s.name + " has an impossible range");
      }
    }
  }

  void known_symbols(const Dim& d, const std::string& place) {
    each_atom(d, [&](const Atom& a) {
      if (a.kind == Atom::Kind::kLoop) problem(place + " uses a loop");
      if (a.kind == Atom::Kind::kSymbol && !names_.contains(a.symbol)) {
        problem(place + " uses symbol " + a.symbol.text() + ", which is not in the table");
      }
    });
  }

  void facts(const Region& r) {
    for (const Fact& f : r.facts) known_symbols(f.a, "a fact"), known_symbols(f.b, "a fact");
  }

  void known_symbols(const Type& t, const std::string& place) {
    for (const Dim& d : t.shape) known_symbols(d, place);
    for (const Type& element : t.element) known_symbols(element, place);
  }

  void value(ValueId id) {
    const Value& v = g_[id];
    const std::string place = "%" + std::to_string(id.index);
    known_symbols(v.type, place);
    if (v.type.kind == Type::Kind::kUnknown && level_ == Level::kMir) {
      problem(place + " has no type");
    }
    if (v.def.kind == ValueDef::Kind::kConstant) constant(v, place);
    if (v.def.kind == ValueDef::Kind::kDims) dims(v, place);
  }

  void constant(const Value& v, const std::string& place) {
    const Constant& c = g_[v.def.constant];
    const Vec<Dim> shape(c.shape.begin(), c.shape.end());
    if (v.type != Type::tensor(c.dtype, shape)) problem(place + " has another type than its data");
    auto bytes = static_cast<int64_t>(c.data.bytes().size());
    const bool fits = c.dtype == DType::kString || bytes == bytes_of(c.dtype, c.elements());
    if (!fits) problem(place + " has " + std::to_string(bytes) + " bytes of data");
  }

  void dims(const Value& v, const std::string& place) {
    if (!fits_dims(v.type, v.def.dims.size())) problem(place + " has a type that dims do not have");
    for (const Dim& d : v.def.dims) known_symbols(d, place);
  }

  // ---- Nodes ----

  void node(NodeId id) {
    const Node& node = g_[id];
    const OpDef& op = node.op();
    if (node.origin.empty()) problem(id, "has no origin");
    if (!is_strictly_sorted(node.origin)) problem(id, "has an origin out of order");
    if (const std::string what = arity_problem(node); !what.empty()) problem(id, what);
    if (const auto type = refused_type(g_, node)) {
      problem(id, "does not take " + std::string(name(*type)));
    }
    const bool expands_only = !op.lower && op.expand;
    if (expands_only && level_ == Level::kMir) problem(id, "is not expanded");
    if (op.on_lists && level_ == Level::kMir) problem(id, "is about a list");
  }

  static bool is_strictly_sorted(const Origin& o) {
    return std::adjacent_find(o.begin(), o.end(), std::greater_equal<>()) == o.end();
  }

  // ---- Inference ----

  // Runs on a copy, whose stored types are put back, so that one wrong type is told once.
  void inference() {
    Graph copy = g_;
    std::map<RegionId, Equality> by_region;
    Vec<Known> told;
    for (const NodeId id : order_.nodes) {
      const RegionId region = region_of_[id.index];
      Equality& equality = by_region.try_emplace(region, g_, regions_around(region)).first->second;
      Vec<Diagnostic> found;
      infer_node(copy, region, id, told, found);
      for (const Diagnostic& d : found) problem(id, "cannot be inferred again: " + d.message);
      for (const ValueId v : g_[id].outputs) {
        if (!equality.same(copy[v].type, g_[v].type)) {
          problem(id, "gives %" + std::to_string(v.index) + " the type " + to_text(copy[v].type) +
                          ", stored is " + to_text(g_[v].type));
        }
        copy[v].type = g_[v].type;
      }
    }
  }

  // The region first.
  Vec<RegionId> regions_around(RegionId region) const {
    Vec<RegionId> around{region};
    while (around.back() != Graph::kTop) {
      around.push_back(region_of_[owners_[around.back().index].index]);
    }
    return around;
  }

  // ---- Problems ----

  void problem(std::string message) {
    problems_.push_back({.code = kInvalidGraph, .message = std::move(message)});
  }

  void problem(NodeId id, const std::string& what) {
    std::string message = "node " + std::to_string(id.index) + " " + what;
    problems_.push_back(diagnostic_of(g_, id, kInvalidGraph, std::move(message)));
  }

  const Graph& g_;
  Level level_;
  DefinitionOrder order_;
  // By node, and by region: where it stands.
  Vec<RegionId> region_of_ = g_.node_regions();
  Vec<NodeId> owners_ = g_.region_owners();
  std::set<std::string> names_;
  Vec<Diagnostic> problems_;
};

}  // namespace

Status verify(const Graph& g, Level level) {
  // Nothing else can be looked at where ids are wrong.
  if (Status structure = verify_structure(g); !structure) return structure;
  return Verifier(g, level).run();
}

}  // namespace rlx
