#include "ir/index_sources.h"

#include <catch2/catch.hpp>

#include "fake_ops.h"

namespace rlx {
namespace {

ValueId made(Graph& g, std::string_view op, Values inputs) {
  GraphBuilder b(g, Graph::kTop, {"/node"});
  return *b.add1(op, std::move(inputs));
}

}  // namespace

TEST_CASE(
    "what a shape is computed from is an index source, and so is what that was computed from") {
  Graph g;
  const ValueId x = g.add_input(Type::tensor(DType::kI64, {2}), "x");
  const ValueId y = g.add_input(Type::tensor(DType::kF32, {4}), "y");
  const ValueId to = made(g, "add", {x, x}), sum = made(g, "add", {y, y});
  const ValueId z = made(g, "reshape", {sum, to});
  g.top().results = {z};
  g.output_names = {"z"};
  const Vec<bool> is_source = index_sources(g);
  CHECK(is_source[x.index]);
  CHECK(is_source[to.index]);
  CHECK_FALSE(is_source[y.index]);
  CHECK_FALSE(is_source[sum.index]);
  CHECK_FALSE(is_source[z.index]);
}

TEST_CASE("an integer that only leaves the graph decides nothing") {
  Graph g;
  const ValueId x = g.add_input(Type::tensor(DType::kI64, {2}), "x");
  const ValueId y = made(g, "add", {x, x});
  g.top().results = {y};
  g.output_names = {"y"};
  CHECK(index_sources(g)[x.index]);
  CHECK_FALSE(index_sources(g)[y.index]);
}

TEST_CASE("operands that are left out are no sources") {
  Graph g;
  const ValueId x = g.add_input(Type::tensor(DType::kI64, {2}), "x");
  const ValueId y = made(g, "add", {x, x}), z = made(g, "add", {y, y});
  for (const NodeId n : g.top().nodes) g[n].inputs.push_back(ValueId());
  g.top().results = {z};
  g.output_names = {"z"};
  CHECK(index_sources(g)[x.index]);
  CHECK_FALSE(index_sources(g)[z.index]);
}

}  // namespace rlx
