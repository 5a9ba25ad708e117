#include "passes/pattern.h"

#include <algorithm>
#include <cstdlib>

#include "kernel/storage.h"

namespace rlx {
namespace {

// ---- Syntax -----------------------------------------------------------------------------------

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}

  Pattern parse() {
    Pattern p = term();
    check(rest_.empty());
    return p;
  }

 private:
  Pattern term() {
    if (is_digit(rest_.front()) || rest_.front() == '-') return number();
    if (take('<')) return any_with(word());
    Pattern p{.kind = Pattern::Kind::kValue, .names = {word()}};
    while (take('|')) p.names.push_back(word());
    if (take('(')) {
      p.kind = Pattern::Kind::kOp;
      operands(p);
    } else if (p.names[0] == "_") {
      p.kind = Pattern::Kind::kAny;
    }
    return p;
  }

  // The operators that have the trait.
  Pattern any_with(std::string_view trait) {
    const bool reshapes = trait == "reshapes";
    check((reshapes || trait == "elementwise") && take('>'));
    Pattern p{.kind = Pattern::Kind::kOp};
    for (const OpDef* op : all_ops()) {
      if (reshapes ? op->reshapes : op->elementwise) p.names.emplace_back(op->name);
    }
    check(take('('));
    operands(p);
    return p;
  }

  void operands(Pattern& p) {
    while (!take(')')) {
      if (rest_.starts_with("...")) {
        p.open = true;
        rest_.remove_prefix(3);
      } else {
        p.operands.push_back(term());
      }
      take(',');
    }
  }

  Pattern number() {
    const std::string digits(rest_.substr(0, rest_.find_first_of(",)")));
    rest_.remove_prefix(digits.size());
    return {.kind = Pattern::Kind::kNumber, .number = std::strtod(digits.c_str(), nullptr)};
  }

  std::string word() {
    const size_t size = std::min(rest_.find_first_of("|(), .>"), rest_.size());
    check(size > 0);
    std::string result(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return result;
  }

  bool take(char c) {
    check(c == '|' || c == '(' || c == '<' || !rest_.empty());
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    return true;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  void check(bool sound) const { RLX_CHECK(sound, "pattern " + std::string(text_)); }

  std::string_view text_;
  std::string_view rest_;
};

// ---- Matching ---------------------------------------------------------------------------------

// Larger constants are data, not numbers.
constexpr int64_t kMostComparedElements = 4096;

bool is_number(const Graph& g, ValueId v, double number) {
  const Constant* c = g.constant_of(v);
  if (!c || c->dtype == DType::kString || c->elements() > kMostComparedElements) return false;
  for (int64_t i = 0; i < c->elements(); ++i) {
    if (element_at(c->dtype, c->data.bytes().data(), i).as_double() != number) return false;
  }
  return c->elements() > 0;
}

bool match_value(const Pattern& p, ValueId v, Match& m);

bool match_operands(const Pattern& p, const Values& inputs, Match& m) {
  for (size_t i = 0; i < p.operands.size(); ++i) {
    if (!match_value(p.operands[i], inputs[i], m)) return false;
  }
  return true;
}

bool match_node(const Pattern& p, NodeId id, Match& m) {
  const Node& node = m.graph[id];
  if (std::find(p.names.begin(), p.names.end(), node.op_name()) == p.names.end()) return false;
  const size_t wanted = p.operands.size();
  if (node.inputs.size() < wanted || (node.inputs.size() > wanted && !p.open)) return false;
  m.nodes.push_back(id);
  // A try may name values and nodes before it fails.
  const auto values = m.values;
  const auto nodes = m.nodes;
  if (match_operands(p, node.inputs, m)) return true;
  if (wanted != 2 || !node.op().commutative) return false;
  m.values = values;
  m.nodes = nodes;
  return match_operands(p, {node.inputs[1], node.inputs[0]}, m);
}

bool match_value(const Pattern& p, ValueId v, Match& m) {
  if (p.kind == Pattern::Kind::kAny) return true;
  if (!v.valid()) return false;
  switch (p.kind) {
    case Pattern::Kind::kAny: return true;
    case Pattern::Kind::kNumber: return is_number(m.graph, v, p.number);
    case Pattern::Kind::kValue: return m.values.emplace(p.names[0], v).first->second == v;
    case Pattern::Kind::kOp: {
      const ValueDef& def = m.graph[v].def;
      const bool first = def.kind == ValueDef::Kind::kNode && def.index == 0;
      return first && match_node(p, def.node, m);
    }
  }
  return false;
}

}  // namespace

Pattern parse_pattern(std::string_view text) { return Parser(text).parse(); }

bool matches(const Pattern& p, Match& m) { return match_node(p, m.root, m); }

std::optional<ValueId> build(const Pattern& p, const Match& m, GraphBuilder& g) {
  if (p.kind == Pattern::Kind::kValue) return m[p.names[0]];
  RLX_CHECK(p.kind == Pattern::Kind::kOp, "a replacement is made of operators and values");
  Values inputs;
  for (const Pattern& operand : p.operands) {
    std::optional<ValueId> v = build(operand, m, g);
    if (!v) return std::nullopt;
    inputs.push_back(*v);
  }
  return value_or_none(g.add1(p.names[0], std::move(inputs)));
}

}  // namespace rlx
