// What an operator on lists sees (op/sequences.h): a sequence or an optional is the list of the values that it holds, so
// that how many there are, and which one stands where, is decided when the model is compiled.
#pragma once
#include "ir/infer_ctx.h"

namespace rlx {

// By value that is a sequence or an optional: what it holds, lists among it (an optional sequence).
using Lists = std::map<ValueId, Values>;

// What an operator on lists gives: a sequence, an optional, or one value, which may be any of these.
struct ListResult {
  Values values = {};
  Type::Kind kind = Type::Kind::kSequence;

  static ListResult one(ValueId v) { return {{v}, Type::Kind::kTensor}; }
  bool is_list() const { return kind != Type::Kind::kTensor; }
};

class ListCtx {
 public:
  ListCtx(Graph& graph, RegionId region, NodeId node, const Lists& lists, const Vec<Known>& known)
      : graph_(graph), region_(region), node_(node), lists_(lists), known_(known) {}

  bool has(int i) const;
  ValueId in(int i) const { return node().inputs[static_cast<size_t>(i)]; }
  Values inputs() const { return node().inputs; }
  bool is_list(int i) const { return has(i) && lists_.contains(in(i)); }
  bool is_optional(int i) const {
    return is_list(i) && graph_[in(i)].type.kind == Type::Kind::kOptional;
  }
  Result<Values> list(int i) const;
  // Of a tensor.
  Result<Type> type(int i) const;
  // The one element of input i, which has to be known.
  Result<int64_t> integer(int i) const;
  // The same as one of so many places in a list of so many elements; negative ones count from its end.
  Result<size_t> place(int i, size_t places, size_t elements) const;
  Error error(int code, std::string message, std::string hint = {}) const;

  // A node in the place of this one, whose types are inferred later.
  Values add(Attrs attrs, Values inputs, size_t outputs = 1);
  ValueId constant(Constant c) { return graph_.add_constant(std::move(c)); }

 private:
  const Node& node() const { return graph_[node_]; }

  Graph& graph_;
  RegionId region_;
  NodeId node_;
  const Lists& lists_;
  const Vec<Known>& known_;
};

}  // namespace rlx
