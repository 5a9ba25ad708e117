#include <algorithm>

#include "ir/attributes.h"
#include "ir/constant_text.h"
#include "ir/dim_text.h"
#include "ir/infer_ctx.h"
#include "ir/text.h"
#include "ir/type_text.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

// A text of brackets alone must not exhaust the stack.
constexpr int kMaxRegionDepth = 64;

struct Typed {
  Type type;
  std::string name = {};
};

class GraphParser {
 public:
  GraphParser(std::string_view text, const ConstantSource& source) : in_(text), source_(source) {}

  Result<Graph> run() && {
    in_.skip_comments();
    RLX_TRY_VOID(in_.expect("graph"));
    RLX_TRY(g_.name, in_.string());
    RLX_TRY_VOID(in_.expect("{"));
    while (!ends()) RLX_TRY_VOID(top_statement());
    RLX_TRY_VOID(in_.expect("}"));
    in_.skip_comments();
    if (!in_.done()) return in_.error("the text goes on after the graph");
    declare_input_symbols(g_);
    return std::move(g_);
  }

 private:
  // Whether the statements of a graph or region end here.
  bool ends() {
    in_.skip_comments();
    return in_.next_is("}");
  }

  Status top_statement() {
    if (in_.eat("symbol")) return symbol();
    if (in_.eat("output")) return output();
    return statement(Graph::kTop);
  }

  // ---- Symbols, facts, outputs ----

  Status symbol() {
    RLX_TRY(std::string name, parse_symbol(in_));
    if (g_.find_symbol(name)) return in_.error("this symbol is declared twice");
    Symbol s{.name = std::move(name)};
    RLX_TRY_VOID(in_.expect("="));
    RLX_TRY_VOID(symbol_source(s));
    while (in_.eat(",")) RLX_TRY_VOID(symbol_property(s));
    g_.symbols.push_back(std::move(s));
    return {};
  }

  Status symbol_source(Symbol& s) {
    const bool below = in_.eat("minus");
    if (below) s.sign = -1;
    if (in_.eat("data")) {
      s.source = Symbol::Source::kData;
    } else if (below) {
      return in_.error("only data is taken with a minus in front");
    } else {
      RLX_TRY_VOID(in_.expect("input"));
      RLX_TRY(s.input, small());
      if (in_.eat("minus")) s.sign = -1;
      int& place = in_.eat("element") ? s.element : s.axis;
      if (&place == &s.axis) RLX_TRY_VOID(in_.expect("axis"));
      RLX_TRY(place, small());
    }
    return {};
  }

  Status symbol_property(Symbol& s) {
    int64_t* into = nullptr;
    if (in_.eat("min")) into = &s.min;
    if (!into && in_.eat("max")) into = &s.max;
    if (!into && in_.eat("multiple_of")) into = &s.multiple_of;
    if (!into) return in_.error("min, max or multiple_of is missing here");
    RLX_TRY(*into, in_.integer());
    return {};
  }

  Result<int> small() {
    RLX_TRY(const int64_t n, in_.integer());
    if (n < -1 || n > INT32_MAX) return in_.error("this number is out of range");
    return static_cast<int>(n);
  }

  Status fact(RegionId region) {
    Fact f;
    RLX_TRY(f.a, parse_dim(in_));
    if (in_.eat("<=")) {
      f.relation = Fact::Relation::kLessEqual;
    } else {
      RLX_TRY_VOID(in_.expect("=="));
    }
    RLX_TRY(f.b, parse_dim(in_));
    if (in_.eat("@")) {
      RLX_TRY(f.node, in_.string());
    }
    g_[region].facts.push_back(std::move(f));
    return {};
  }

  Status output() {
    RLX_TRY(std::string name, in_.string());
    if (name.empty() || std::ranges::find(g_.output_names, name) != g_.output_names.end()) {
      return in_.error("an output has a name of its own");
    }
    RLX_TRY_VOID(in_.expect("="));
    RLX_TRY(const ValueId v, use());
    g_.output_names.push_back(std::move(name));
    g_.top().results.push_back(v);
    return {};
  }

  // ---- Values ----

  // "%12", as the text calls it.
  Result<std::string> id() {
    RLX_TRY_VOID(in_.expect("%"));
    std::string name(in_.run_of("."));
    if (name.empty()) return in_.error("a value's id is missing here");
    return name;
  }

  Result<ValueId> use() {
    const Cursor at = in_;
    RLX_TRY(const std::string name, id());
    auto found = ids_.find(name);
    if (found == ids_.end()) return at.error("%" + name + " is not defined before its use");
    return found->second;
  }

  Status define(const std::string& name, ValueId v) {
    if (!ids_.emplace(name, v).second) return in_.error("%" + name + " is defined twice");
    return {};
  }

  // "(%1, _)".
  Result<Values> arguments(bool may_lack) {
    Values values;
    RLX_TRY_VOID(in_.expect("("));
    if (in_.eat(")")) return values;
    do {
      if (may_lack && in_.eat("_")) {
        values.emplace_back();
        continue;
      }
      RLX_TRY(const ValueId v, use());
      values.push_back(v);
    } while (in_.eat(","));
    RLX_TRY_VOID(in_.expect(")"));
    return values;
  }

  Result<Typed> typed() {
    RLX_TRY(Type type, parse_type(in_));
    RLX_TRY(std::string name, optional_name());
    return Typed{std::move(type), std::move(name)};
  }

  Result<std::string> optional_name() {
    return in_.next_is("\"") ? in_.string() : Result<std::string>(std::string());
  }

  // ---- Statements ----

  Status statement(RegionId region) {
    if (in_.eat("assume")) return fact(region);
    Vec<std::string> outputs;
    if (in_.next_is("%")) {
      do {
        RLX_TRY(std::string name, id());
        outputs.push_back(std::move(name));
      } while (in_.eat(","));
      RLX_TRY_VOID(in_.expect("="));
    }
    Cursor at = in_;
    const std::string_view word = in_.word();
    if (word.empty()) return at.error("a statement is missing here");
    if (in_.next_is("(")) return node(region, outputs, word, at);
    if (outputs.size() != 1) return at.error("one value has to be defined here");
    if (word == "input" && region == Graph::kTop) return input(outputs[0]);
    if (word == "constant") return constant(outputs[0]);
    if (word == "dims") return dims(outputs[0]);
    return at.error("no statement is called '" + std::string(word) + "'");
  }

  Status input(const std::string& id) {
    RLX_TRY(std::string name, in_.string());
    RLX_TRY_VOID(in_.expect(":"));
    RLX_TRY(Type type, parse_type(in_));
    return define(id, g_.add_input(std::move(type), std::move(name)));
  }

  Status constant(const std::string& id) {
    RLX_TRY(Constant c, parse_constant(in_, source_));
    RLX_TRY(std::string name, optional_name());
    return define(id, g_.add_constant(std::move(c), std::move(name)));
  }

  Status dims(const std::string& id) {
    RLX_TRY(Vec<Dim> elements, parse_dims(in_));
    RLX_TRY_VOID(in_.expect(":"));
    RLX_TRY(Typed t, typed());
    if (!fits_dims(t.type, elements.size())) return in_.error("the type of dims is i64, one a Dim");
    return define(id, g_.add_dims(std::move(elements), t.type.rank(), std::move(t.name)));
  }

  Status node(RegionId region, const Vec<std::string>& outputs, std::string_view op, Cursor& at) {
    const OpDef* def = find_op(op);
    if (!def) return at.error("no operator is called '" + std::string(op) + "'");
    Attrs attrs(def);
    RLX_TRY(Values inputs, arguments(true));
    if (!regions_follow()) RLX_TRY_VOID(parse_attributes(in_, attrs));
    const bool has_types = in_.eat(":");
    RLX_TRY(Vec<Typed> types, output_types(outputs.size(), has_types));
    RLX_TRY(Origin origin, node_origin(outputs.empty() ? std::string(op) : "%" + outputs[0]));
    const NodeId id = g_.add_node(region, std::move(attrs), std::move(inputs),
                                  Types(outputs.size()), std::move(origin));
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueId v = g_[id].outputs[i];
      g_[v].type = std::move(types[i].type);
      g_[v].name = std::move(types[i].name);
      RLX_TRY_VOID(define(outputs[i], v));
    }
    if (in_.eat("{")) RLX_TRY_VOID(regions(id));
    return has_types ? Status() : inferred(region, id);
  }

  // Regions stand in braces too, as attributes do.
  bool regions_follow() const {
    Cursor ahead = in_;
    if (!ahead.eat("{")) return false;
    ahead.skip_comments();
    return ahead.next_is("region");
  }

  Result<Vec<Typed>> output_types(size_t count, bool written) {
    Vec<Typed> types;
    if (!written) return Vec<Typed>(count);
    do {
      RLX_TRY(Typed t, typed());
      types.push_back(std::move(t));
    } while (in_.eat(","));
    if (types.size() != count) return in_.error("each output has one type");
    return types;
  }

  Result<Origin> node_origin(std::string otherwise) {
    Origin origin;
    if (!in_.eat("@")) return Origin{std::move(otherwise)};
    RLX_TRY_VOID(in_.expect("["));
    do {
      RLX_TRY(std::string name, in_.string());
      origin.push_back(std::move(name));
    } while (in_.eat(","));
    RLX_TRY_VOID(in_.expect("]"));
    sort_uniquely(origin);
    return origin;
  }

  Status inferred(RegionId region, NodeId id) {
    Vec<Diagnostic> problems;
    infer_node(g_, region, id, told_, problems);
    if (!problems.empty()) return Error(std::move(problems));
    return {};
  }

  // ---- Regions ----

  Status regions(NodeId owner) {
    if (++depth_ > kMaxRegionDepth) return in_.error("regions are nested too deep");
    while (!ends()) {
      RLX_TRY_VOID(in_.expect("region"));
      const RegionId r = g_.add_region();
      g_[owner].regions.push_back(r);
      RLX_TRY_VOID(region(r));
    }
    --depth_;
    return in_.expect("}");
  }

  Status region(RegionId r) {
    RLX_TRY_VOID(region_arguments(r));
    if (in_.eat("captures")) {
      RLX_TRY(g_[r].captures, arguments(false));
    }
    RLX_TRY_VOID(in_.expect("{"));
    while (!ends()) {
      if (in_.eat("yield")) return results(r);
      RLX_TRY_VOID(statement(r));
    }
    return in_.error("'yield' is missing here");
  }

  Status region_arguments(RegionId r) {
    RLX_TRY_VOID(in_.expect("("));
    if (in_.eat(")")) return {};
    do {
      RLX_TRY(const std::string name, id());
      RLX_TRY_VOID(in_.expect(":"));
      RLX_TRY(Typed t, typed());
      RLX_TRY_VOID(define(name, g_.add_argument(r, std::move(t.type), std::move(t.name))));
    } while (in_.eat(","));
    return in_.expect(")");
  }

  Status results(RegionId r) {
    while (!ends()) {
      RLX_TRY(const ValueId v, use());
      g_[r].results.push_back(v);
      if (!in_.eat(",")) break;
    }
    in_.skip_comments();
    return in_.expect("}");
  }

  Cursor in_;
  const ConstantSource& source_;
  Graph g_;
  std::map<std::string, ValueId> ids_;
  Vec<Known> told_;
  int depth_ = 0;
};

}  // namespace

Result<Graph> parse_graph(std::string_view text, const ConstantSource& source) {
  return GraphParser(text, source).run();
}

}  // namespace rlx
