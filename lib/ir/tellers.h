// Who tells the symbols that only the run knows: the node that says so of its operand (OpDef::tells), or the one in
// whose outputs an extent appears first, since what ran inside of it decides.
#pragma once
#include <unordered_map>

#include "ir/graph.h"

namespace rlx {

using Tellers = std::unordered_map<SymbolName, Vec<NodeId>, HashOf>;

// By symbol of source kData, in the order of the nodes given, of which each region's stand in theirs. A loop's results
// are told in each trip and behind the loop. Symbols of dead nodes and of none are not there.
Tellers tellers_of(const Graph& g, const Vec<NodeId>& order);

// The names that the node, whose operator tells, gives to its operand's elements.
Vec<SymbolName> told_names(const Node& node);

// The symbol that the expression is, where only the run knows its value; else null.
const Symbol* told_symbol_of(const Graph& g, const Dim& d);
bool speaks_of_told(const Graph& g, const Dim& d);
// A name that no symbol has.
std::string fresh_symbol_name(const Graph& g);
// A fresh one, whose value only the run tells.
Dim new_told_symbol(Graph& g);

// Every symbol of an expression.
template <class F>
void each_symbol(const Dim& d, F f) {
  each_atom(d, [&](const Atom& a) {
    if (a.kind == Atom::Kind::kSymbol) f(a.symbol);
  });
}

}  // namespace rlx
