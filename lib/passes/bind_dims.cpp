#include "passes/bind_dims.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ir/codes.h"
#include "op/shared/codes.h"
#include "passes/codes.h"
#include "passes/infer_types.h"
#include "passes/input_elements.h"
#include "passes/walk.h"
#include "support/names.h"

namespace rlx {
namespace {

using Binding = std::map<std::string, Dim>;

std::string range_text(const Symbol& s) {
  std::string text = fmt::format("{} is at least {}", s.name, s.min);
  if (s.max < INT32_MAX) text += fmt::format(" and at most {}", s.max);
  if (s.multiple_of > 1) text += fmt::format(", a multiple of {}", s.multiple_of);
  return text;
}

std::optional<Diagnostic> dim_fault(const Graph& g, const std::string& name, int64_t value) {
  const Symbol* s = g.find_symbol(name);
  if (!s) {
    return Diagnostic{.code = kUnknownDim,
                      .message = fmt::format("the model has no dim \"{}\"", name),
                      .hint = hint_for(name, symbol_names(g))};
  }
  const bool negative = s->element >= 0 && s->sign > 0 && value < 0;
  if (negative && value > INT64_MIN) return std::nullopt;
  if (value >= s->min && value <= s->max && value % s->multiple_of == 0) return std::nullopt;
  return Diagnostic{.code = kDimOutOfRange,
                    .message = fmt::format("{} cannot be {}", name, value),
                    .hint = range_text(*s)};
}

// An input's element, which goes by the name of its positive part, is two symbols.
Binding parts_of(const Graph& g, const std::string& name, int64_t value) {
  Binding parts;
  const Symbol* s = g.find_symbol(name);
  if (!s || s->element < 0 || s->sign < 0) return parts;
  for (const Symbol& part : g.symbols) {
    if (part.input == s->input && part.element == s->element) {
      parts.emplace(part.name, std::max<int64_t>(value * part.sign, 0));
    }
  }
  return parts;
}

// Every wrong name, value and repetition.
Result<Binding> checked_binding(const Graph& g, const DimValues& values) {
  Vec<Diagnostic> problems;
  Binding binding;
  for (const auto& [name, value] : values) {
    if (auto fault = dim_fault(g, name, value)) {
      problems.push_back(*std::move(fault));
      continue;
    }
    for (const auto& [symbol, part] : parts_of(g, name, value)) binding.emplace(symbol, part);
    auto [at, is_new] = binding.emplace(name, value);
    const bool is_element = g.find_symbol(name) && g.find_symbol(name)->element >= 0;
    if (is_new || is_element || at->second.is(value)) continue;
    problems.push_back(
        {.code = kContradiction,
         .message = fmt::format("{} is given both {} and {}", name, to_text(at->second), value)});
  }
  if (!problems.empty()) return Error(std::move(problems));
  return binding;
}

void substitute(Graph& g, const Binding& binding) {
  auto in_shape = [&](Vec<Dim>& dims) {
    for (Dim& d : dims) d = substitute_symbols(d, binding);
  };
  for (Value& value : g.values) {
    in_shape(value.type.shape);
    in_shape(value.def.dims);
  }
  for (const RegionId r : g.live_regions()) {
    g[r].facts.change_each([&](Fact& f) {
      f.a = substitute_symbols(f.a, binding);
      f.b = substitute_symbols(f.b, binding);
    });
  }
  // That an input's element has its value is still to be seen.
  g.symbols.change_each([&](Symbol& s) {
    auto bound = s.element < 0 ? binding.end() : binding.find(s.name);
    if (bound != binding.end()) s.min = s.max = *bound->second.constant();
  });
  g.symbols.erase_if([&](const Symbol& s) { return s.element < 0 && binding.contains(s.name); });
}

std::set<std::string> live_origins(const Graph& g) {
  std::set<std::string> origins;
  for (const NodeId id : execution_order(g)) {
    origins.insert(g[id].origin.begin(), g[id].origin.end());
  }
  return origins;
}

bool holds(const Fact& f) {
  const std::optional<int64_t> rest = (f.b - f.a).constant();
  return rest && (f.relation == Fact::Relation::kEqual ? *rest == 0 : *rest >= 0);
}

bool cannot_hold(const Fact& f) { return (f.b - f.a).constant() && !holds(f); }

// Inference states anew what the nodes that are left need; what those gone needed stays.
Status infer_afresh(Graph& g) {
  const std::set<std::string> origins = live_origins(g);
  for (const RegionId r : g.live_regions()) {
    g[r].facts.erase_if([&](const Fact& f) { return holds(f) || origins.contains(f.node); });
  }
  // What a region needs may not hold as long as control does not come there.
  for (const Fact& f : g.top().facts) {
    if (!cannot_hold(f)) continue;
    return Error(Diagnostic{.code = kContradiction,
                            .message = fmt::format("the model needs {} and {} to be the same",
                                                   to_text(f.a), to_text(f.b)),
                            .node = f.node});
  }
  return infer_types(g);
}

// The value of the one symbol left in d, where d has to be 0: d is +-symbol + constant.
std::optional<std::pair<std::string, int64_t>> root_of(const Dim& d) {
  std::optional<std::string> symbol;
  int64_t sign = 0;
  int64_t rest = 0;
  for (const Term& t : d.terms()) {
    if (t.factors.empty()) {
      rest = t.coefficient;
      continue;
    }
    const bool plain = t.factors.size() == 1 && t.factors[0].kind == Atom::Kind::kSymbol &&
                       (t.coefficient == 1 || t.coefficient == -1);
    if (!plain || symbol) return std::nullopt;
    symbol = t.factors[0].symbol;
    sign = t.coefficient;
  }
  if (!symbol) return std::nullopt;
  return std::pair(*symbol, -rest * sign);
}

// Symbols that facts now equate to numbers.
Binding forced(const Graph& g) {
  Binding binding;
  for (const Fact& f : g.top().facts) {
    if (f.relation != Fact::Relation::kEqual) continue;
    if (auto root = root_of(f.a - f.b)) binding.emplace(root->first, root->second);
  }
  return binding;
}

// Says of each problem which values led there.
Error with_values(Error e, const DimValues& values) {
  Vec<std::string> given;
  for (const auto& [name, value] : values) given.push_back(fmt::format("{}={}", name, value));
  for (Diagnostic& d : e.items) {
    // What no dims could mend has been said before these were bound.
    if (d.code == kBadInput || d.code == kModelMismatch) d.code = kExtentMismatch;
    d.hint =
        fmt::format("bound are {}", fmt::join(given, ", ")) + (d.hint.empty() ? "" : "; " + d.hint);
  }
  return e;
}

}  // namespace

Result<Graph> bind_dims(Graph g, const DimValues& values) {
  for (const auto& [name, value] : values) name_element(g, name);
  RLX_TRY(Binding binding, checked_binding(g, values));
  std::set<std::string> bound;
  while (!binding.empty()) {
    substitute(g, binding);
    if (Status inferred = infer_afresh(g); !inferred) return with_values(inferred.error(), values);
    // What the run tells is told again by then, under the name that it had.
    for (const auto& [name, value] : binding) bound.insert(name);
    binding = forced(g);
    std::erase_if(binding, [&](const auto& entry) { return bound.contains(entry.first); });
  }
  return g;
}

Status check_dims(Graph g, const DimValues& values) {
  for (const auto& [name, value] : values) name_element(g, name);
  auto binding = checked_binding(g, values);
  return binding ? Status() : Status(std::move(binding.error()));
}

}  // namespace rlx
