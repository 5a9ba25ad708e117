#include "passes/settle_symbols.h"

#include <algorithm>

#include "ir/tellers.h"

namespace rlx {
namespace {

bool mentions(const Dim& d, SymbolName name) {
  bool found = false;
  each_symbol(d, [&](SymbolName s) { found = found || s == name; });
  return found;
}

bool are_numbers(const Vec<Dim>& dims) {
  return std::ranges::all_of(dims, [](const Dim& d) { return d.constant().has_value(); });
}

}  // namespace

FoundOut found_out(const Graph& g, NodeId teller, const Vec<Dim>& elements) {
  FoundOut found;
  const Vec<SymbolName> names = told_names(g[teller]);
  for (size_t i = 0; i < names.size(); ++i) {
    const Symbol* symbol = g.find_symbol(names[i]);
    if (!symbol) continue;
    const Dim& element = elements[i % elements.size()];
    const Dim part = names.size() == elements.size() ? element
                     : symbol->sign > 0              ? max(element, 0)
                                                     : max(Dim(0) - element, 0);
    found.emplace(symbol->name, simplify(part, g.symbol_ranges()));
  }
  return found;
}

FoundOut found_out(const Graph& g, const Type& before, const Type& now) {
  FoundOut found;
  if (!before.is_tensor() || !now.is_tensor() || before.rank() != now.rank()) return found;
  for (size_t axis = 0; axis < before.shape.size(); ++axis) {
    const Dim &old = before.shape[axis], &is = now.shape[axis];
    const Symbol* symbol = told_symbol_of(g, old);
    if (!symbol || mentions(is, symbol->key())) continue;
    found.emplace(symbol->name, is);
  }
  return found;
}

Vec<ValueId> settle_symbols(Graph& g, const FoundOut& found) {
  Vec<ValueId> numbers;
  if (found.empty()) return numbers;
  for (size_t i = 0; i < g.values.size(); ++i) {
    ValueDef& def = g.values[i].def;
    if (def.kind != ValueDef::Kind::kDims || are_numbers(def.dims)) continue;
    for (Dim& d : def.dims) d = substitute_symbols(d, found);
    if (are_numbers(def.dims)) numbers.emplace_back(i);
  }
  for (const RegionId r : g.live_regions()) {
    g[r].facts.change_each([&](Fact& f) {
      f.a = substitute_symbols(f.a, found);
      f.b = substitute_symbols(f.b, found);
    });
  }
  return numbers;
}

}  // namespace rlx
