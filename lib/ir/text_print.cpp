#include "ir/constant_text.h"
#include "ir/dim_text.h"
#include "ir/text.h"

namespace rlx {
namespace {

std::string value_text(ValueId v) { return v.valid() ? "%" + std::to_string(v.index) : "_"; }

std::string values_text(const Values& values) {
  std::string out;
  for (const ValueId v : values) out += (out.empty() ? "" : ", ") + value_text(v);
  return out;
}

// "f32[2] "name"".
std::string typed(const Value& v) {
  return to_text(v.type) + (v.name.empty() ? "" : " " + quoted(v.name));
}

std::string origin_text(const Origin& origin) {
  std::string out;
  for (const std::string& name : origin) out += (out.empty() ? "" : ", ") + quoted(name);
  return out.empty() ? out : " @ [" + out + "]";
}

std::string node_call_text(const Graph& g, const Node& node) {
  std::string out = std::string(node.op_name()) + "(" + values_text(node.inputs) + ")";
  if (const std::string attributes = to_text(node.attrs); !attributes.empty()) {
    out += " {" + attributes + "}";
  }
  std::string types;
  for (const ValueId v : node.outputs) types += (types.empty() ? " : " : ", ") + typed(g[v]);
  return out + types + origin_text(node.origin);
}

std::string symbol_source(const Symbol& s) {
  switch (s.source) {
    case Symbol::Source::kData: return s.sign < 0 ? "minus data" : "data";
    case Symbol::Source::kInput: break;
  }
  const std::string input = "input " + std::to_string(s.input);
  const std::string element = (s.sign < 0 ? " minus element " : " element ");
  if (s.element >= 0) return input + element + std::to_string(s.element);
  return input + " axis " + std::to_string(s.axis);
}

std::string declaration(const Symbol& s) {
  const Symbol plain;
  std::string out = "symbol " + symbol_text(s.name) + " = " + symbol_source(s);
  if (s.min != plain.min) out += ", min " + std::to_string(s.min);
  if (s.max != plain.max) out += ", max " + std::to_string(s.max);
  if (s.multiple_of != plain.multiple_of) out += ", multiple_of " + std::to_string(s.multiple_of);
  return out;
}

std::string fact_text(const Fact& f) {
  std::string out = "assume " + to_text(f.a);
  out += f.relation == Fact::Relation::kEqual ? " == " : " <= ";
  out += to_text(f.b);
  return f.node.empty() ? out : out + " @ " + quoted(f.node);
}

class Printer {
 public:
  explicit Printer(const Graph& g) : g_(g), defined_(g.values.size()) {}

  std::string graph() && {
    open("graph " + quoted(g_.name) + " {");
    for (const Symbol& s : g_.symbols) line(declaration(s));
    for (const ValueId v : g_.inputs()) input(v);
    body(g_.top());
    facts(g_.top());
    outputs();
    close();
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += std::string(indent_, ' ') + text + '\n'; }

  void open(const std::string& text) {
    line(text);
    indent_ += 2;
  }

  void close() {
    indent_ -= 2;
    line("}");
  }

  void input(ValueId v) {
    line(value_text(v) + " = input " + quoted(g_[v].name) + " : " + to_text(g_[v].type));
  }

  void outputs() {
    for (size_t i = 0; i < g_.outputs().size(); ++i) {
      const std::string name = i < g_.output_names.size() ? g_.output_names[i] : std::string();
      line("output " + quoted(name) + " = " + value_text(g_.outputs()[i]));
    }
  }

  void facts(const Region& region) {
    for (const Fact& f : region.facts) line(fact_text(f));
  }

  // The nodes, and what the results need.
  void body(const Region& region) {
    free_values(region.captures);
    for (const NodeId n : region.nodes) node(g_[n]);
    free_values(region.results);
  }

  void node(const Node& node) {
    free_values(node.inputs);
    std::string text = values_text(node.outputs);
    text += (text.empty() ? "" : " = ") + node_call_text(g_, node);
    if (node.regions.empty()) return line(text);
    open(text + " {");
    for (const RegionId r : node.regions) region(g_[r]);
    close();
  }

  void region(const Region& region) {
    std::string arguments;
    for (const ValueId v : region.arguments) {
      arguments += (arguments.empty() ? "" : ", ") + value_text(v) + " : " + typed(g_[v]);
    }
    std::string captures = values_text(region.captures);
    if (!captures.empty()) captures = " captures (" + captures + ")";
    open("region (" + arguments + ")" + captures + " {");
    body(region);
    facts(region);
    line(region.results.empty() ? "yield" : "yield " + values_text(region.results));
    close();
  }

  // Constants and dims that nothing before has used.
  void free_values(const Values& values) {
    for (const ValueId v : values) {
      if (!v.valid() || defined_[v.index]) continue;
      const ValueDef& def = g_[v].def;
      std::string elements;
      if (def.kind == ValueDef::Kind::kConstant) {
        elements = "constant " + elements_text(g_[def.constant]);
      } else if (def.kind == ValueDef::Kind::kDims) {
        elements = "dims " + to_text(def.dims);
      } else {
        continue;
      }
      defined_[v.index] = true;
      line(value_text(v) + " = " + elements + " : " + typed(g_[v]));
    }
  }

  const Graph& g_;
  std::string out_;
  size_t indent_ = 0;
  Vec<bool> defined_;
};

}  // namespace

std::string to_text(const Graph& g) { return Printer(g).graph(); }
std::string to_text(const Graph& g, NodeId node) { return node_call_text(g, g[node]); }

}  // namespace rlx
