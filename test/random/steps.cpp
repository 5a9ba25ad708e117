#include "test/random/steps.h"

#include <algorithm>

namespace rlx::random {
namespace {

bool speaks_of(const Value& v, const std::string& symbol) {
  bool speaks = false;
  for (const Dim& d : v.shape) each_atom(d, [&](const Atom& a) { speaks |= a.symbol == symbol; });
  return speaks;
}

// An extent that goes round is an open symbol, or stays what it is.
bool may_go_round(const Model& m, const Value& out, const Value& in) {
  if (out.dtype != in.dtype || out.shape.size() != in.shape.size()) return false;
  for (size_t i = 0; i < in.shape.size(); ++i) {
    const bool grows = in.shape[i].as_symbol() && m.is_open(in.shape[i]);
    if (!grows && !(in.shape[i] == out.shape[i])) return false;
  }
  return true;
}

// What the step's outputs say of the next one's extents; false where they contradict each other.
bool advance(const Model& m, const Vec<Round>& rounds, Binding& binding) {
  Binding next;
  for (const Round& r : rounds) {
    const Value& in = m.values[static_cast<size_t>(r.past)];
    const Vec<int64_t> given = shape_of(m.values[static_cast<size_t>(r.present)], binding);
    for (size_t i = 0; i < given.size(); ++i) {
      const auto symbol = in.shape[i].as_symbol();
      if (!symbol) continue;
      const auto [known, is_new] = next.try_emplace(std::string(*symbol), given[i]);
      if (!is_new && known->second != given[i]) return false;
    }
  }
  for (const auto& [name, value] : next) binding[name] = value;
  return true;
}

}  // namespace

std::string past_of(const std::string& present) {
  constexpr std::string_view kPresent = "present_";
  return present.starts_with(kPresent) ? "past_" + present.substr(kPresent.size()) : "";
}

Vec<Round> rounds_of(const Model& m) {
  Vec<Round> rounds;
  for (const int out : m.outputs) {
    const std::string name = past_of(m.values[static_cast<size_t>(out)].name);
    for (size_t v = 0; v < m.values.size(); ++v) {
      const Value& in = m.values[v];
      if (in.role != Value::Role::kInput || in.name != name) continue;
      if (may_go_round(m, m.values[static_cast<size_t>(out)], in)) {
        rounds.push_back({out, static_cast<int>(v)});
      }
    }
  }
  return rounds;
}

Vec<Binding> bindings_of_steps(const Model& m, const Binding& first) {
  const Vec<Round> rounds = rounds_of(m);
  Vec<Binding> all = {first};
  while (!rounds.empty() && static_cast<int64_t>(all.size()) < m.steps) {
    Binding next = all.back();
    if (!advance(m, rounds, next)) break;
    for (const Extent& e : m.extents) {
      const bool goes_round = std::ranges::any_of(rounds, [&](const Round& r) {
        return speaks_of(m.values[static_cast<size_t>(r.past)], e.name);
      });
      if (e.open && !goes_round && m.seed % 3 != 0) next[e.name] = 1;
    }
    if (!m.allows(next)) break;
    all.push_back(std::move(next));
  }
  return all;
}

}  // namespace rlx::random
