// Rewrites as data: a pattern, a replacement and where it holds.
//
//   {Math::kExact, "neg(neg(x))", "x"}
//   {Math::kExact, "relu(clip(x, low, high))", "clip(x, low, high)", is_not_negative}
//
// In a pattern a name with brackets is an operator, or several joined by `|`; `<reshapes>` or `<elementwise>` in its
// place is any operator with that trait; a number is a
// constant all of whose elements are that number; `_` is any value; another name is a value, the
// same one wherever the name stands. Operands are matched from the first on; all of a node's inputs
// are named unless the list ends in `...`. Operands of commutative operators match in both orders.
// Attributes are not looked at: where they matter, a guard or a build function does.
#pragma once
#include "ir/builder.h"
#include "passes/math.h"

namespace rlx {

// What a pattern matched.
struct Match {
  const Graph& graph;
  NodeId root;
  std::map<std::string, ValueId, std::less<>> values = {};
  // Of the pattern's operators, as they stand in it from left to right; root is the first.
  Vec<NodeId> nodes = {};
  // Of each value of the graph.
  const Vec<int>& uses;
  // Where each node stands.
  const Vec<RegionId>& region_of;

  ValueId operator[](std::string_view name) const { return values.find(name)->second; }
  const Node& node(size_t i) const { return graph[nodes[i]]; }
  const Type& type(ValueId v) const { return graph[v].type; }
  // Of the root's first output.
  const Type& type() const { return graph[graph[root].outputs[0]].type; }
  // Whether a node stands in the root's region: a rewrite uses no more values of others than the root did.
  bool is_beside(NodeId id) const { return region_of[id.index] == region_of[root.index]; }
  // Whether nobody outside of the pattern uses what the pattern's i-th node gives.
  bool is_inner(size_t i) const { return uses[node(i).outputs[0].index] == 1; }
};

// The least level that allows a rule. It has no default: whoever writes a rule says it.
class Allowed {
 public:
  constexpr Allowed(Math least) : least_(least) {}
  constexpr bool at(Math m) const { return m >= least_; }
  constexpr Math least() const { return least_; }

 private:
  Math least_;
};

struct Rule {
  // kExact: the replacement gives the same bits (any NaN for a NaN) wherever the guard lets it. Any
  // other rule stands in docs/numerics.md with its bound.
  Allowed allowed;
  std::string_view from;
  // Operators with their default attributes over the pattern's values; empty: `build` makes it.
  std::string_view to = {};
  bool (*guard)(const Match& m) = nullptr;
  // The replacement of the root's output; nullopt where there is none after all.
  std::optional<ValueId> (*build)(const Match& m, GraphBuilder& g) = nullptr;
};

// What a rule's `build` gives of a node that inference may refuse.
inline std::optional<ValueId> value_or_none(const Result<ValueId>& made) {
  return made ? std::optional(*made) : std::nullopt;
}

// A pattern or replacement as a tree.
struct Pattern {
  enum class Kind : uint8_t { kOp, kValue, kNumber, kAny };

  Kind kind = Kind::kAny;
  // kOp: the alternatives; kValue: its name.
  Vec<std::string> names = {};
  double number = 0;
  Vec<Pattern> operands = {};
  bool open = false;
};

// RLX_CHECKs the syntax: patterns are part of the program.
Pattern parse_pattern(std::string_view text);
// Whether the pattern, whose root is an operator, fits m.root; fills values and nodes.
bool matches(const Pattern& p, Match& m);
// Adds the replacement's nodes; nullopt where one cannot be inferred.
std::optional<ValueId> build(const Pattern& p, const Match& m, GraphBuilder& g);

}  // namespace rlx
