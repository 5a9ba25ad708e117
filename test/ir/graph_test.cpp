#include "ir/graph.h"

#include <catch2/catch.hpp>

#include "fake_ops.h"
#include "ir/codes.h"

namespace rlx {
namespace {

Type f32(Vec<Dim> shape) { return Type::tensor(DType::kF32, std::move(shape)); }

// x + x, then the sum with itself.
struct Chain {
  Graph g;
  ValueId x = g.add_input(f32({4}), "x"), y, z;

  Chain() {
    GraphBuilder b(g, Graph::kTop, {"/add"});
    y = *b.add1("add", {x, x});
    z = *b.add1("add", {y, y});
    g.top().results = {z};
    g.output_names = {"z"};
  }
};

}  // namespace

TEST_CASE("types print as they are read") {
  for (const char* text : {"f32[]", "i64[batch, 3]", "seq(f32[2])", "optional(seq(bool[]))",
                           "state(f16[s0 + 1, 4])", "?"}) {
    auto t = parse_type(text);
    REQUIRE(t.ok());
    CHECK(to_text(*t) == text);
  }
  for (const char* text : {"", "f32", "f32[", "f33[2]", "seq()", "f32[2] 3", "state(?)"}) {
    CHECK_FALSE(parse_type(text).ok());
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "seq(";
  CHECK_FALSE(parse_type(deep).ok());
  CHECK(parse_type("f32[a, 2, b]")->elements() == *parse_dim("a * b * 2"));
}

TEST_CASE("origins merge sorted and without repeats") {
  CHECK(merge({"a", "c"}, {"b", "c"}) == Origin{"a", "b", "c"});
}

TEST_CASE("a constant is added once") {
  Graph g;
  ValueId a = g.add_constant(make_i64({1, 2}, 1), "a");
  CHECK(g.add_constant(make_i64({1, 2}, 1)) == a);
  CHECK(g.add_constant(make_i64({1, 3}, 1)) != a);
  // The same bytes of another type are another constant.
  Constant floats = make_constant(DType::kF64, {2}, std::string(16, '\0'));
  CHECK(g.add_constant(floats) != g.add_constant(make_i64({0, 0}, 1)));
  CHECK(g.constants.size() == 4);
  CHECK(integers_of(*g.constant_of(a)) == Vec<int64_t>{1, 2});
  CHECK_FALSE(integers_of(floats));
  CHECK(integers_of(make_constant(DType::kI8, {2}, "\xff\x01")) == Vec<int64_t>{-1, 1});
}

TEST_CASE("uses are counted and replaced through chains") {
  Chain c;
  CHECK(c.g.count_uses() == Vec<int>{2, 2, 1});
  CHECK(c.g.node_of(c.z)->inputs == Values{c.y, c.y});
  CHECK(c.g.node_of(c.x) == nullptr);
  c.g.replace_uses({{c.z, c.y}, {c.y, c.x}});
  CHECK(c.g.outputs() == Values{c.x});
  CHECK(c.g.count_uses() == Vec<int>{5, 0, 0});
}

TEST_CASE("compaction drops what is dead") {
  Chain c;
  c.g.add_constant(make_i64({7}, 1));
  c.g.top().results = {c.y};
  c.g.top().nodes.pop_back();
  Graph small = compacted(c.g);
  CHECK(small.values.size() == 2);
  CHECK(small.nodes.size() == 1);
  CHECK(small.constants.empty());
  CHECK(small.outputs() == Values{ValueId(1)});
}

TEST_CASE("inference broadcasts, assumes and refuses") {
  Graph g;
  g.symbol("a");
  g.symbol("b");
  g.symbol("big").min = 10;
  GraphBuilder b(g, Graph::kTop, {"/add"});
  auto sum = [&](Vec<Dim> x, Vec<Dim> y) -> std::string {
    auto v =
        b.add1("add", {g.add_input(f32(std::move(x)), "x"), g.add_input(f32(std::move(y)), "y")});
    return v ? to_text(b.type(*v)) : to_text(v.error());
  };
  Dim a = Dim::symbol("a"), s = Dim::symbol("b"), big = Dim::symbol("big");
  CHECK(sum({a, 1}, {3}) == "f32[a, 3]");
  CHECK(sum({1, s}, {a, 1}) == "f32[a, b]");
  CHECK(g.top().facts.empty());
  CHECK(sum({a}, {s}) == "f32[a]");
  CHECK(sum({s}, {a}) == "f32[b]");
  REQUIRE(g.top().facts.size() == 1);
  CHECK((g.top().facts[0].a == a && g.top().facts[0].b == s));
  CHECK(g.top().facts[0].node == "/add");
  CHECK(sum({a}, {3}) == "f32[3]");
  CHECK(g.top().facts.size() == 2);
  std::string refused = sum({2}, {3});
  CHECK(refused.find("error RLX-E3203: extents 2 and 3 are neither the same nor 1 "
                     "[node /add, add] (x: f32[2], y: f32[3]); hint: ") == 0);
  CHECK(sum({big}, {3}).find("RLX-E3203") != std::string::npos);
  CHECK(sum({a + 1}, {a}).find("RLX-E3203") != std::string::npos);
  CHECK(g.top().facts.size() == 2);
}

TEST_CASE("shape arithmetic is told from node to node") {
  Graph g;
  g.symbol("n");
  GraphBuilder b(g, Graph::kTop, {"/r"});
  ValueId x = g.add_input(f32({Dim::symbol("n"), 4}), "x");
  ValueId shape = *b.add1("shape", {x});
  CHECK(to_text(*b.known(shape)) == "[n, 4]");
  CHECK(to_text(b.type(*b.add1("reshape", {x, shape}))) == "f32[n, 4]");
  CHECK(to_text(b.type(*b.add1("reshape", {x, b.i64s({2, 3})}))) == "f32[2, 3]");
  // Whatever an operator makes of it, no tensor has such extents.
  CHECK(b.add1("reshape", {x, b.i64s({2, -3})}).error().first().code == kModelMismatch);
  CHECK(b.add1("reshape", {x, b.i64s({2, kMostBytes})}).error().first().code == kTooLarge);
  CHECK(b.add1("reshape", {x, b.dims({Dim::symbol("n") * kMostBytes})}).error().first().code ==
        kTooLarge);
  CHECK(to_text(b.type(*b.add1("reshape", {x, b.dims({Dim::symbol("n") * 4})}))) == "f32[n * 4]");
  CHECK(g.constant_of(b.dims({1, 2})) != nullptr);
  // A shape that only the data tells is a fresh symbol.
  ValueId data = g.add_input(Type::tensor(DType::kI64, {1}), "s");
  Dim fresh = b.type(*b.add1("reshape", {x, data})).shape.at(0);
  REQUIRE(fresh.as_symbol());
  CHECK(g.find_symbol(*fresh.as_symbol())->source == Symbol::Source::kData);
}

TEST_CASE("inference goes on after an error") {
  Graph g;
  GraphBuilder b(g, Graph::kTop, {"/s"});
  ValueId x = g.add_input(f32({2, 2}), "x");
  auto split = b.add("split", {x});
  REQUIRE_FALSE(split.ok());
  CHECK(split.error().first().code == 5999);
  ValueId broken = g.nodes.back().outputs.at(1);
  auto after = b.add1("add", {broken, x});
  REQUIRE(after.ok());
  CHECK(b.type(*after).kind == Type::Kind::kUnknown);
}

TEST_CASE("attributes are compared by their bits and printed where they are changed") {
  using fake::attrs;
  using fake::Everything;
  CHECK(to_text(attrs(Everything{})).empty());
  CHECK(attrs(Everything{}) == attrs(Everything{}));
  Everything e{.i = 3, .f = -0.0f, .s = "a\"b", .is = {}, .fs = {0.1f, 1e30f}, .of = std::nullopt};
  CHECK(to_text(attrs(e)) ==
        "i = 3, f = -0.0, s = \"a\\\"b\", is = [], fs = [0.1, 1e+30], of = none");
  CHECK(attrs(e) == attrs(e));
  Everything plus = e;
  plus.f = 0.0f;
  CHECK_FALSE(attrs(e) == attrs(plus));
  CHECK_FALSE(attrs(fake::Add{}) == attrs(fake::Shape{}));
}

}  // namespace rlx
