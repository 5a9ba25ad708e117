#include "fake_ops.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace fake {

Result<Types> Add::infer(const Add&, InferCtx& c) {
  RLX_TRY(Vec<Dim> shape, c.broadcast(c.in(0).shape, c.in(1).shape));
  return Types{Type::tensor(c.in(0).dtype, std::move(shape))};
}

Result<Types> Shape::infer(const Shape&, InferCtx& c) {
  c.set_known(0, c.in(0).shape);
  return Types{Type::tensor(DType::kI64, {c.in(0).rank()})};
}

Result<Types> Reshape::infer(const Reshape&, InferCtx& c) {
  if (auto shape = c.known(1)) return Types{Type::tensor(c.in(0).dtype, *shape)};
  return Types{Type::tensor(c.in(0).dtype, {c.new_symbol()})};
}

Result<Types> Split::infer(const Split& o, InferCtx& c) {
  if (c.in(0).rank() != 1) return c.error(5999, "only vectors are split", "reshape it before");
  return Types{Type::tensor(c.in(0).dtype, {o.at}),
               Type::tensor(c.in(0).dtype, {c.in(0).shape[0] - o.at})};
}

Result<Types> Everything::infer(const Everything& o, InferCtx& c) {
  return Types{Type::tensor(o.t, c.in(0).shape)};
}

Result<Types> If::infer(const If&, InferCtx& c) {
  const Graph& g = c.graph();
  const Values& results = g[c.node().regions.at(0)].results;
  if (results.empty()) return c.error(5998, "a region without a result");
  return Types{g[results[0]].type};
}

Result<Types> Block::infer(const Block&, InferCtx& c) { return Types{c.in(0)}; }

Result<Values> Block::expand(const Block&, GraphBuilder& b, const Node& block) {
  return b.add("add", {block.inputs[0], block.inputs[0]});
}

namespace {

template <class O>
OpDef def_of() {
  OpDef d;
  d.name = O::name;
  d.arity = O::arity;
  d.dtypes = kAnyDType;
  if constexpr (requires { O::regions; }) d.regions = O::regions;
  d.make = []() -> void* { return new O(); };
  d.clone = [](const void* o) -> void* { return new O(*static_cast<const O*>(o)); };
  d.destroy = [](void* o) { delete static_cast<O*>(o); };
  d.each_attribute = [](void* o, const AttrVisitor& visit) {
    each_member(*static_cast<O*>(o), [&](std::string_view n, auto& m) { visit(n, AttrRef(&m)); });
  };
  d.infer = [](const void* o, InferCtx& c) { return O::infer(*static_cast<const O*>(o), c); };
  if constexpr (requires { &O::expand; }) {
    d.expand = [](const void* o, GraphBuilder& b, const Node& n) {
      return O::expand(*static_cast<const O*>(o), b, n);
    };
  }
  return d;
}

}  // namespace
}  // namespace fake

const Vec<const OpDef*>& all_ops() {
  using fake::def_of;
  static const OpDef ops[] = {
      def_of<fake::Add>(),   def_of<fake::Block>(),   def_of<fake::Everything>(),
      def_of<fake::If>(),    def_of<fake::Reshape>(), def_of<fake::Shape>(),
      def_of<fake::Split>(),
  };
  static const Vec<const OpDef*> all = [] {
    Vec<const OpDef*> v;
    for (const OpDef& op : ops) v.push_back(&op);
    return v;
  }();
  return all;
}

const OpDef* find_op(std::string_view name) {
  for (const OpDef* op : all_ops()) {
    if (op->name == name) return op;
  }
  return nullptr;
}

}  // namespace rlx
