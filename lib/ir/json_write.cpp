#include "ir/attributes.h"
#include "ir/order.h"
#include "ir/text.h"

namespace rlx {
namespace {

using Layout = JsonWriter::Layout;

constexpr size_t kMostInlineBytes = 256;

std::string hex_of(Bytes bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    auto byte = static_cast<uint8_t>(b);
    out += {kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

std::string_view source_name(Symbol::Source source) {
  switch (source) {
    case Symbol::Source::kInput: return "input";
    case Symbol::Source::kData: return "data";
  }
  return {};
}

class GraphWriter {
 public:
  GraphWriter(JsonWriter& out, const Graph& g) : out_(out), g_(g), order_(definition_order(g)) {}

  void run() {
    out_.begin_object(Layout::kLines);
    out_.member("name", g_.name);
    out_.member("value_count", static_cast<uint64_t>(g_.values.size()));
    out_.member("node_count", static_cast<uint64_t>(g_.nodes.size()));
    out_.member("region_count", static_cast<uint64_t>(g_.regions.size()));
    lines("symbols", g_.symbols, [&](const Symbol& s) { symbol(s); });
    facts();
    lines("constants", of_kind(ValueDef::Kind::kConstant), [&](ValueId v) { constant(v); });
    lines("dims", of_kind(ValueDef::Kind::kDims), [&](ValueId v) { dims(v); });
    lines("regions", order_.regions, [&](RegionId r) { region(r); });
    strings("output_names", g_.output_names);
    out_.end_object();
  }

 private:
  template <class List, class F>
  void lines(std::string_view key, const List& items, F write) {
    out_.key(key);
    out_.begin_array(Layout::kLines);
    for (const auto& item : items) write(item);
    out_.end_array();
  }

  Values of_kind(ValueDef::Kind kind) const {
    Values found;
    for (const ValueId v : order_.values) {
      if (g_[v].def.kind == kind) found.push_back(v);
    }
    return found;
  }

  void strings(std::string_view key, const Vec<std::string>& all) {
    out_.key(key);
    out_.begin_array();
    for (const std::string& s : all) out_.value(s);
    out_.end_array();
  }

  void index(uint32_t i) { out_.value(static_cast<uint64_t>(i)); }

  void id(ValueId v) {
    if (v.valid()) return index(v.index);
    out_.null();
  }

  void ids(std::string_view key, const Values& values) {
    out_.key(key);
    out_.begin_array();
    for (const ValueId v : values) id(v);
    out_.end_array();
  }

  void symbol(const Symbol& s) {
    out_.begin_object();
    out_.member("name", s.name);
    out_.member("source", source_name(s.source));
    out_.member("input", s.input);
    out_.member("axis", s.axis);
    out_.member("element", s.element);
    out_.member("sign", s.sign);
    out_.member("min", s.min);
    out_.member("max", s.max);
    out_.member("multiple_of", s.multiple_of);
    out_.end_object();
  }

  // Of all regions; a fact names its region, where that is not the graph itself.
  void facts() {
    Vec<std::pair<RegionId, const Fact*>> all;
    for (const RegionId r : order_.regions) {
      for (const Fact& f : g_[r].facts) all.emplace_back(r, &f);
    }
    lines("facts", all, [&](const auto& f) { fact(f.first, *f.second); });
  }

  void fact(RegionId r, const Fact& f) {
    out_.begin_object();
    out_.member("a", to_text(f.a));
    out_.member("relation", f.relation == Fact::Relation::kEqual ? "==" : "<=");
    out_.member("b", to_text(f.b));
    out_.member("node", f.node);
    if (r != Graph::kTop) {
      out_.key("region");
      index(r.index);
    }
    out_.end_object();
  }

  // Opens an object; id, type and name of a value.
  void begin_value(ValueId v) {
    out_.begin_object();
    out_.key("id");
    index(v.index);
    out_.member("type", to_text(g_[v].type));
    if (!g_[v].name.empty()) out_.member("name", g_[v].name);
  }

  void constant(ValueId v) {
    const Constant& c = *g_.constant_of(v);
    begin_value(v);
    out_.member("digest", c.digest.hex());
    const Bytes bytes = c.data.bytes();
    if (!bytes.empty() && bytes.size() <= kMostInlineBytes) out_.member("bytes", hex_of(bytes));
    out_.end_object();
  }

  void dims(ValueId v) {
    begin_value(v);
    Vec<std::string> elements;
    for (const Dim& d : g_[v].def.dims) elements.push_back(to_text(d));
    strings("elements", elements);
    out_.end_object();
  }

  void definitions(std::string_view key, const Values& values) {
    out_.key(key);
    out_.begin_array();
    for (const ValueId v : values) {
      begin_value(v);
      out_.end_object();
    }
    out_.end_array();
  }

  void region(RegionId r) {
    const Region& region = g_[r];
    out_.begin_object(Layout::kLines);
    out_.key("id");
    index(r.index);
    definitions("arguments", region.arguments);
    ids("captures", region.captures);
    lines("nodes", region.nodes, [&](NodeId n) { node(n); });
    ids("results", region.results);
    out_.end_object();
  }

  void node(NodeId n) {
    const Node& node = g_[n];
    out_.begin_object();
    out_.key("id");
    index(n.index);
    out_.member("op", node.op_name());
    out_.member("version", node.op().version);
    ids("inputs", node.inputs);
    definitions("outputs", node.outputs);
    out_.key("attributes");
    write_json(out_, node.attrs);
    if (!node.regions.empty()) regions(node.regions);
    strings("origin", node.origin);
    out_.end_object();
  }

  void regions(const Vec<RegionId>& all) {
    out_.key("regions");
    out_.begin_array();
    for (const RegionId r : all) index(r.index);
    out_.end_array();
  }

  JsonWriter& out_;
  const Graph& g_;
  DefinitionOrder order_;
};

}  // namespace

void write_json(JsonWriter& out, const Graph& g) { GraphWriter(out, g).run(); }

}  // namespace rlx
