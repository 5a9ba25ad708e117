// Nodes of a stage's body: operands, types, leaves.
#include <algorithm>

#include <fmt/format.h>

#include "kernel/verify.h"

namespace rlx {
namespace {

class BodyVerifier {
 public:
  BodyVerifier(const Kernel& k, const Stage& s, Problems& problems)
      : k_(k), s_(s), problems_(problems), accumulators_(accumulator_types(s)) {}

  bool run() {
    bool sound = true;
    for (node_ = 0; node_ < s_.body.size(); ++node_) sound &= verify_node(s_.body[node_]);
    return sound;
  }

 private:
  bool require(bool holds, std::string_view what) {
    if (holds) return true;
    const Expr& e = s_.body[node_];
    return problems_.require(false, fmt::format("v{} = {}: {}", node_, name(e.fn), what));
  }

  bool verify_node(const Expr& e) {
    const bool complete = e.args.size() == static_cast<size_t>(arity(e.fn));
    if (!require(complete, "a wrong number of operands")) return false;
    for (const ExprId a : e.args) {
      if (!require(a.index < node_, "an operand does not come before it")) return false;
    }
    if (!require(size_of(e.type) > 0, "strings are not computed")) return false;
    const bool plain = !is_sub_byte(e.type) || e.fn == Fn::kLoad || e.fn == Fn::kConst;
    if (!require(plain, "numbers of 4 bits are read and cast alone")) return false;
    switch (e.fn) {
      case Fn::kConst: return require(e.scalar.dtype == e.type, "a scalar of another dtype");
      case Fn::kIndex: return require(e.type == DType::kI64, "an index is i64");
      case Fn::kLoad: return verify_load(e);
      case Fn::kAcc: return verify_acc(e);
      case Fn::kCast: return true;
      case Fn::kBitcast:
        return require(bits_of(operand(e, 0)) == bits_of(e.type), "the types differ in size");
      default: return verify_function(e);
    }
  }

  DType operand(const Expr& e, size_t i) const { return s_.body[e.args[i].index].type; }

  bool verify_function(const Expr& e) {
    Vec<DType> types;
    for (size_t i = 0; i < e.args.size(); ++i) types.push_back(operand(e, i));
    if (std::ranges::any_of(types, is_sub_byte)) {
      return require(false, "numbers of 4 bits are read and cast alone");
    }
    return require(result_type(e.fn, types) == e.type, "operands or result of a wrong type");
  }

  bool verify_load(const Expr& e) {
    if (!require(e.index < s_.reads.size(), "no such read")) return false;
    const Access& a = s_.reads[e.index];
    for (const AxisIndex& index : a.index) {
      const bool before = !index.expr || index.expr->index < node_;
      if (!require(before, "an index does not come before it")) return false;
    }
    return require(dtype_of(k_, a) == e.type, "the tensor has another dtype");
  }

  bool verify_acc(const Expr& e) {
    if (!require(e.index < accumulators_.size(), "no such accumulator")) return false;
    return require(accumulators_[e.index] == e.type, "the accumulator has another dtype");
  }

  const Kernel& k_;
  const Stage& s_;
  Problems& problems_;
  Vec<DType> accumulators_;
  size_t node_ = 0;
};

}  // namespace

bool verify_body(const Kernel& k, const Stage& s, Problems& problems) {
  return BodyVerifier(k, s, problems).run();
}

}  // namespace rlx
