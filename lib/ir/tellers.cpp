#include "ir/tellers.h"

namespace rlx {

Vec<SymbolName> told_names(const Node& node) {
  Vec<SymbolName> names;
  if (!node.op().tells) return names;
  node.attrs.each([&](std::string_view, AttrRef attribute) {
    if (const auto* list = std::get_if<Vec<std::string>*>(&attribute)) {
      for (const std::string& name : **list) names.emplace_back(name);
    }
  });
  return names;
}

const Symbol* told_symbol_of(const Graph& g, const Dim& d) {
  const std::optional<SymbolName> name = d.as_symbol();
  const Symbol* s = name ? g.find_symbol(*name) : nullptr;
  return s && s->source == Symbol::Source::kData ? s : nullptr;
}

bool speaks_of_told(const Graph& g, const Dim& d) {
  bool found = false;
  each_symbol(d, [&](SymbolName name) {
    const Symbol* s = g.find_symbol(name);
    found = found || (s && s->source == Symbol::Source::kData);
  });
  return found;
}

std::string fresh_symbol_name(const Graph& g) {
  size_t number = g.symbols.size();
  std::string name;
  do {
    name = "u" + std::to_string(number++);
  } while (g.find_symbol(name));
  return name;
}

Dim new_told_symbol(Graph& g) {
  const std::string name = fresh_symbol_name(g);
  g.symbols.push_back({.name = name, .source = Symbol::Source::kData, .min = 0});
  return Dim::symbol(name);
}

Tellers tellers_of(const Graph& g, const Vec<NodeId>& order) {
  Tellers tellers;
  const auto note = [&](SymbolName name, NodeId teller) {
    const Symbol* s = g.find_symbol(name);
    if (!s || s->source != Symbol::Source::kData) return;
    const bool tells = g[teller].op().tells;
    Vec<NodeId>& nodes = tellers[name];
    if (tells || nodes.empty()) nodes.push_back(teller);
  };
  for (const NodeId id : order) {
    for (const SymbolName name : told_names(g[id])) note(name, id);
    if (g[id].regions.empty()) continue;
    for (const ValueId v : g[id].outputs) {
      for (const Dim& d : g[v].type.shape) each_symbol(d, [&](SymbolName s) { note(s, id); });
    }
  }
  return tellers;
}

}  // namespace rlx
