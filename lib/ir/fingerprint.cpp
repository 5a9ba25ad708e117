#include "ir/attributes.h"
#include "ir/order.h"
#include "ir/text.h"

namespace rlx {
namespace {

// Every list is preceded by its length, so that no two graphs give the same fields.
class Fingerprint {
 public:
  Fingerprint(const Graph& g, bool with_data)
      : g_(g), with_data_(with_data), order_(definition_order(g)), numbers_(g.values.size()) {
    for (size_t i = 0; i < order_.values.size(); ++i) numbers_[order_.values[i].index] = i;
  }

  Digest run() && {
    h_.field("name", g_.name);
    symbols();
    facts(g_.top());
    count("values", order_.values.size());
    for (const ValueId v : order_.values) value(g_[v]);
    for (const NodeId n : order_.nodes) node(g_[n]);
    for (const RegionId r : order_.regions) {
      region(g_[r]);
      if (r != Graph::kTop) facts(g_[r]);
    }
    names("outputs", g_.output_names);
    return h_.finish();
  }

 private:
  void count(std::string_view tag, size_t n) { h_.field(tag, static_cast<uint64_t>(n)); }

  void names(std::string_view tag, const Vec<std::string>& all) {
    count(tag, all.size());
    for (const std::string& name : all) h_.field(tag, std::string_view(name));
  }

  void uses(std::string_view tag, const Values& values) {
    count(tag, values.size());
    for (const ValueId v : values) h_.field(tag, v.valid() ? numbers_[v.index] : UINT64_MAX);
  }

  void symbols() {
    count("symbols", g_.symbols.size());
    for (const Symbol& s : g_.symbols) {
      h_.field("symbol", std::string_view(s.name));
      h_.field("source", static_cast<uint8_t>(s.source));
      for (const int64_t n : {int64_t{s.input}, int64_t{s.axis}, int64_t{s.element},
                              int64_t{s.sign}, s.min, s.max, s.multiple_of}) {
        h_.field("number", n);
      }
    }
  }

  void facts(const Region& r) {
    count("facts", r.facts.size());
    for (const Fact& f : r.facts) {
      h_.field("relation", static_cast<uint8_t>(f.relation));
      h_.field("a", std::string_view(to_text(f.a)));
      h_.field("b", std::string_view(to_text(f.b)));
      h_.field("node", std::string_view(f.node));
    }
  }

  void value(const Value& v) {
    h_.field("value", static_cast<uint8_t>(v.def.kind));
    h_.field("type", std::string_view(to_text(v.type)));
    h_.field("name", std::string_view(v.name));
    h_.field("declared", std::string_view(to_text(v.declared)));
    if (v.def.kind == ValueDef::Kind::kDims) {
      h_.field("dims", std::string_view(to_text(v.def.dims)));
    }
    if (v.def.kind == ValueDef::Kind::kConstant && with_data_) {
      h_.field("data", g_[v.def.constant].digest);
    }
  }

  void node(const Node& n) {
    hash(h_, n.attrs);
    uses("inputs", n.inputs);
    uses("outputs", n.outputs);
    count("regions", n.regions.size());
    names("origin", n.origin);
  }

  void region(const Region& r) {
    uses("arguments", r.arguments);
    uses("captures", r.captures);
    count("nodes", r.nodes.size());
    uses("results", r.results);
  }

  const Graph& g_;
  bool with_data_;
  DefinitionOrder order_;
  Vec<uint64_t> numbers_;
  Hasher h_{"rlx.v1.graph"};
};

}  // namespace

Digest fingerprint(const Graph& g, bool with_data) { return Fingerprint(g, with_data).run(); }

}  // namespace rlx
