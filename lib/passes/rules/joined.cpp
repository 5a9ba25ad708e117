// What is done to a joined tensor, element by element, is done to its parts instead: rotary embeddings turn halves of
// heads, which are joined only to be scaled and added. What is joined last lies in its place at once.
#include <algorithm>

#include "op/concat.h"
#include "op/shared/axes.h"
#include "op/slice.h"
#include "op/split.h"
#include "passes/rules/rules.h"

namespace rlx {
namespace {

// The kernel's code grows with the parts.
constexpr size_t kMostParts = 4;
// Of producers that are cut apart with what they make.
constexpr int kMostDepth = 8;

struct Range {
  Dim start, end;
};

// The root of a match, whose operand `joined` is a concatenation along `axis` of the output.
class Parts {
 public:
  Parts(const Match& m, GraphBuilder& g) : m_(m), g_(g), root_(m.node(0)), shape_(m.type().shape) {}

  std::optional<ValueId> run() {
    if (!find_joined()) return std::nullopt;
    const Node joined = *m_.graph.node_of(root_.inputs[joined_]);
    Values results;
    Dim start = 0;
    for (const ValueId part : joined.inputs) {
      const Dim end = start + g_.type(part).shape[axis_];
      const std::optional<ValueId> result = of_part(part, {start, end});
      if (!result) return std::nullopt;
      results.push_back(*result);
      start = end;
    }
    return value_or_none(g_.add1(joined.attrs, std::move(results)));
  }

 private:
  // What stands in the root's region and is read by nobody else.
  const Node* own_node(ValueId v) const {
    const Node* n = m_.graph.node_of(v);
    if (!n || v.index >= m_.uses.size() || m_.uses[v.index] != 1) return nullptr;
    return m_.is_beside(m_.graph[v].def.node) ? n : nullptr;
  }

  // What is computed where it is read, or read where it lies. Other parts are made in their place, and the concatenation is
  // there at no cost.
  bool is_piece(ValueId part) const {
    const Node* n = m_.graph.node_of(part);
    if (n && (as<ops::Slice>(*n) || as<ops::Split>(*n))) return true;
    const Node* own = own_node(part);
    return own && own->op().elementwise;
  }

  bool find_joined() {
    for (joined_ = 0; joined_ < root_.inputs.size(); ++joined_) {
      const ValueId v = root_.inputs[joined_];
      const Node* n = v.valid() ? own_node(v) : nullptr;
      const auto* concat = n ? as<ops::Concat>(*n) : nullptr;
      if (!concat || n->inputs.size() > kMostParts || g_.type(v).shape != shape_) continue;
      if (!std::ranges::all_of(n->inputs, [&](ValueId part) { return is_piece(part); })) continue;
      axis_ = static_cast<size_t>(axis_of(concat->axis, static_cast<int>(shape_.size())));
      return true;
    }
    return false;
  }

  std::optional<ValueId> of_part(ValueId part, const Range& range) {
    Values operands = root_.inputs;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (i == joined_) operands[i] = part;
      if (i == joined_ || !operands[i].valid()) continue;
      const std::optional<ValueId> cut = sliced(operands[i], range, 0);
      if (!cut) return std::nullopt;
      operands[i] = *cut;
    }
    return value_or_none(g_.add1(root_.attrs, std::move(operands)));
  }

  // What v has of the range: the same of all that it is made of, where nobody else reads that.
  std::optional<ValueId> sliced(ValueId v, const Range& range, int depth) {
    const Vec<Dim> shape = g_.type(v).shape;
    const size_t missing = shape_.size() - shape.size();
    if (axis_ < missing || shape[axis_ - missing].is(1)) return v;
    if (shape[axis_ - missing] != shape_[axis_]) return std::nullopt;
    const Node* made_by = depth < kMostDepth ? own_node(v) : nullptr;
    if (!made_by || !made_by->op().elementwise || made_by->outputs.size() != 1) {
      const auto axis = static_cast<int64_t>(axis_ - missing);
      return value_or_none(
          g_.add1("slice", {v, g_.dims({range.start}), g_.dims({range.end}), g_.i64s({axis})}));
    }
    // Copied: new nodes move the others.
    const Node node = *made_by;
    Values operands = node.inputs;
    for (ValueId& operand : operands) {
      if (!operand.valid()) continue;
      const std::optional<ValueId> cut = sliced(operand, range, depth + 1);
      if (!cut) return std::nullopt;
      operand = *cut;
    }
    return value_or_none(g_.add1(node.attrs, std::move(operands)));
  }

  const Match& m_;
  GraphBuilder& g_;
  // Copied: new nodes move the others.
  const Node root_;
  const Vec<Dim> shape_;
  size_t joined_ = 0, axis_ = 0;
};

std::optional<ValueId> in_parts(const Match& m, GraphBuilder& g) { return Parts(m, g).run(); }

constexpr Rule kJoined[] = {
    {Math::kExact, "<elementwise>(...)", {}, nullptr, in_parts},
};

}  // namespace

std::span<const Rule> joined_rules() { return kJoined; }

}  // namespace rlx
