#include "passes/simplify.h"

#include <algorithm>
#include <ranges>

#include "passes/pattern.h"
#include "passes/replacement.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

struct ParsedRule {
  const Rule* rule;
  Pattern from;
  std::optional<Pattern> to;
};

// By the operator at the root.
using RuleBook = std::multimap<std::string, const ParsedRule*, std::less<>>;

Vec<ParsedRule> parsed_rules(Math math) {
  Vec<ParsedRule> parsed;
  for (const std::span<const Rule> family : all_rules()) {
    for (const Rule& rule : family) {
      if (!rule.allowed.at(math)) continue;
      ParsedRule p{&rule, parse_pattern(rule.from), std::nullopt};
      if (!rule.to.empty()) p.to = parse_pattern(rule.to);
      parsed.push_back(std::move(p));
    }
  }
  return parsed;
}

class Simplifier {
 public:
  Simplifier(Graph& g, Math math) : g_(g), rules_(parsed_rules(math)) {
    for (const ParsedRule& rule : rules_) {
      for (const std::string& op : rule.from.names) book_.emplace(op, &rule);
    }
  }

  // One round over all nodes; whether something changed.
  bool run() {
    replacement_.clear();
    uses_ = g_.count_uses();
    forget_dead();
    region_of_ = g_.node_regions();
    for (const RegionId r : g_.live_regions()) {
      // The region's nodes once more, in order, with what replaces some of them.
      for (const NodeId id : std::exchange(g_[r].nodes, {})) visit(r, id);
    }
    g_.replace_uses(replacement_);
    return !replacement_.empty();
  }

 private:
  // What rules left behind uses nothing: else what a rule sees would hang on how often dead nodes were removed before,
  // and a template would not become what a bound graph does.
  void forget_dead() {
    for (const RegionId r : g_.live_regions() | std::views::reverse) {
      for (const NodeId id : g_[r].nodes | std::views::reverse) {
        if (!is_dead(g_[id])) continue;
        for (const ValueId v : g_[id].inputs) {
          if (v.valid()) --uses_[v.index];
        }
      }
    }
  }

  bool is_dead(const Node& n) const {
    return n.op().effect == Effect::kPure && n.regions.empty() &&
           std::ranges::all_of(n.outputs, [&](ValueId v) { return uses_[v.index] == 0; });
  }

  void visit(RegionId region, NodeId id) {
    for (ValueId& v : g_[id].inputs) v = resolved(replacement_, v);
    const bool plain =
        g_[id].op().effect == Effect::kPure && g_[id].regions.empty() && g_[id].outputs.size() == 1;
    auto [first, last] = book_.equal_range(g_[id].op_name());
    for (auto at = first; plain && at != last; ++at) {
      if (apply(*at->second, region, id)) return;
    }
    if (plain && canonicalise(region, id)) return;
    g_[region].nodes.push_back(id);
  }

  bool apply(const ParsedRule& p, RegionId region, NodeId id) {
    Match m{.graph = g_, .root = id, .uses = uses_, .region_of = region_of_};
    if (!matches(p.from, m) || !is_within(region, m)) return false;
    if (p.rule->guard && !p.rule->guard(m)) return false;
    const size_t nodes = g_[region].nodes.size();
    GraphBuilder builder(g_, region, origin_of(m));
    return take(p.to ? build(*p.to, m, builder) : p.rule->build(m, builder), region, nodes, id);
  }

  // What the operator itself knows.
  bool canonicalise(RegionId region, NodeId id) {
    // Copied: new nodes move the others.
    const Node node = g_[id];
    if (!node.op().canonicalise) return false;
    const size_t nodes = g_[region].nodes.size();
    GraphBuilder builder(g_, region, node.origin);
    const auto made = node.op().canonicalise(node.attrs.data(), builder, node);
    return take(made, region, nodes, id);
  }

  // Puts what was made in the node's place, unless that would change its type; the region had so many
  // nodes before.
  bool take(std::optional<ValueId> made, RegionId region, size_t nodes, NodeId id) {
    const ValueId out = g_[id].outputs[0];
    if (!made || g_[*made].type != g_[out].type) {
      g_[region].nodes.resize(nodes);
      return false;
    }
    uses_.resize(g_.values.size());
    region_of_.resize(g_.nodes.size(), region);
    replacement_.emplace(out, *made);
    return true;
  }

  // A rewrite uses no more values of enclosing regions than the region captures.
  bool is_within(RegionId region, const Match& m) const {
    return std::all_of(m.nodes.begin(), m.nodes.end(),
                       [&](NodeId id) { return region_of_[id.index] == region; });
  }

  Origin origin_of(const Match& m) const {
    Origin origin;
    for (const NodeId id : m.nodes) origin = merge(origin, g_[id].origin);
    return origin;
  }

  Graph& g_;
  Vec<ParsedRule> rules_;
  RuleBook book_;
  Vec<int> uses_;
  Vec<RegionId> region_of_;
  Replacement replacement_;
};

// Chains are short; a rule that never ends is a bug that this hides from users.
constexpr int kMostRounds = 16;

}  // namespace

Vec<std::span<const Rule>> all_rules() {
  return {arithmetic_rules(), contraction_rules(), convolution_rules(),
          gather_rules(),     joined_rules(),      shape_rules()};
}

Status simplify(Graph& g, Math math) {
  Simplifier simplifier(g, math);
  for (int round = 0; round < kMostRounds && simplifier.run(); ++round) {
  }
  return {};
}

}  // namespace rlx
