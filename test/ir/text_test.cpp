#include "ir/text.h"

#include <catch2/catch.hpp>
#include <random>

#include "fake_ops.h"
#include "ir/verifier.h"

namespace rlx {
namespace {

constexpr const char* kText = R"(graph "a \"model\"" {
  symbol batch = input 0 axis 0, max 64
  symbol "a b" = data, min 1, multiple_of 4
  symbol n = data
  %0 = input "image" : f32[batch, 3]
  %1 = input "flag" : bool[]
  %2 = constant [0.5, -inf, nan] : f32[3] "w"
  %3 = add(%0, %2) : f32[batch, 3] "sum" @ ["/add", "/relu"]
  %4 = dims [batch, 3] : i64[2]
  %5 = reshape(%3, %4) : f32[batch, 3] @ ["/r"]
  %6 = everything(%5, _, %0) {i = 2, t = f16, ss = ["x", "y"], oi = 7} : f16[batch, 3] @ ["/e"]
  %7 = if(%1) : f32[batch, 3] @ ["/if"] {
    region () captures (%5) {
      %8 = add(%5, %2) : f32[batch, 3] @ ["/if/add"]
      yield %8
    }
    region () captures (%3) {
      yield %3
    }
  }
  %9 = constant 7 : i64[]
  assume "a b" == batch * 2 @ "/add"
  assume batch <= 64
  output "y" = %7
  output "z" = %6
  output "seven" = %9
}
)";

Graph parsed(std::string_view text) {
  auto g = parse_graph(text);
  if (!g) FAIL(to_text(g.error()));
  return *g;
}

std::string json_of(const Graph& g) {
  JsonWriter out;
  write_json(out, g);
  return out.take();
}

Result<Graph> from_json(std::string_view text, const ConstantSource& source = {}) {
  RLX_TRY(Json json, Json::parse(text));
  return read_json(JsonReader(json, "graph"), source);
}

}  // namespace

TEST_CASE("graphs print as they are read") {
  Graph g = parsed(kText);
  CHECK(to_text(g) == kText);
  CHECK(verify(g, Level::kMir).ok());
  CHECK(to_text(g, NodeId(0)) == R"(add(%0, %2) : f32[batch, 3] "sum" @ ["/add", "/relu"])");
  CHECK(to_text(compacted(g)) == kText);
}

TEST_CASE("what begins a line divides nothing that stands on the one before") {
  const Graph g = parsed(R"(graph "" {
    %0 = input "x" : f32[n, m]
    assume n <= m // 2
    // A comment.
    assume n <= m
    %1 = add(%0, %0)
    output "y" = %1
  })");
  REQUIRE(g[Graph::kTop].facts.size() == 2);
  CHECK(g[Graph::kTop].facts[0].b == *parse_dim("m floordiv 2"));
  CHECK(g[Graph::kTop].facts[1].b == Dim::symbol("m"));
}

TEST_CASE("ids of a text are its own") {
  Graph g = parsed(R"(graph "" { // no name
    %x = input "x" : f32[n, 4]   // n is declared by its place
    %two.a = constant 2.0 : f32[4]
    %sum = add(%x, %two.a)       // types and origin are left out
    output "y" = %sum
  })");
  CHECK(to_text(g) == R"(graph "" {
  symbol n = input 0 axis 0
  %0 = input "x" : f32[n, 4]
  %1 = constant [2.0, 2.0, 2.0, 2.0] : f32[4]
  %2 = add(%0, %1) : f32[n, 4] @ ["%sum"]
  output "y" = %2
}
)");
}

TEST_CASE("constants are written by value or by digest") {
  auto text_of = [](Constant c) {
    Graph g;
    g.top().results = {g.add_constant(std::move(c))};
    std::string text = to_text(g);
    return text.substr(text.find("constant"), text.find('\n', 12) - text.find("constant"));
  };
  CHECK(text_of(make_constant(DType::kBool, {2}, std::string("\0\1", 2))) ==
        "constant [false, true] : bool[2]");
  CHECK(text_of(make_constant(DType::kF16, {1}, std::string("\0\x3c", 2))) ==
        "constant [0x3c00] : f16[1]");
  CHECK(text_of(make_constant(DType::kF32, {1}, std::string("\1\0\xc0\x7f", 4))) ==
        "constant [0x7fc00001] : f32[1]");
  CHECK(text_of(make_constant(DType::kI32, {0, 2}, "")) == "constant [] : i32[0, 2]");
  CHECK(text_of(make_constant(DType::kU8, {100}, std::string(100, '\3'))) ==
        "constant 3 : u8[100]");
  std::string mixed(100, '\3');
  mixed[99] = 4;
  Constant big = make_constant(DType::kU8, {100}, mixed);
  CHECK(text_of(big) == "constant sha256:" + big.digest.hex() + " : u8[100]");

  std::string text =
      "graph \"\" { %0 = constant sha256:" + big.digest.hex() + " : u8[100] output \"y\" = %0 }";
  CHECK(parsed(text).constants[0].data.bytes().empty());
  auto found = parse_graph(text, [&](const Digest& d, int64_t size) -> Result<ConstantData> {
    CHECK(size == 100);
    return d == big.digest ? Result<ConstantData>(big.data) : Result<ConstantData>(Error(1, "no"));
  });
  REQUIRE(found.ok());
  CHECK(found->constants[0].data.bytes().size() == 100);
}

TEST_CASE("texts that are no graphs are refused with the place") {
  auto refused = [](std::string_view statement) {
    std::string text = "graph \"\" {\n%0 = input \"x\" : f32[4]\n";
    auto g = parse_graph(text + std::string(statement) + "\n}");
    REQUIRE_FALSE(g.ok());
    return g.error().first().message;
  };
  CHECK(refused("%1 = add(%0, %9)") == "line 3, column 14: %9 is not defined before its use");
  CHECK(refused("%0 = add(%0, %0)").find("defined twice") != std::string::npos);
  CHECK(refused("%1 = sub(%0, %0)").find("no operator is called 'sub'") != std::string::npos);
  CHECK(refused("%1 = add(%0, %0) {axis = 1}").find("has no attribute") != std::string::npos);
  CHECK(refused("%1 = add(%0, %0) : f32[4], f32[4]").find("one type") != std::string::npos);
  CHECK(refused("%1 = constant [1, 2] : i64[3]").find("number of elements") != std::string::npos);
  CHECK(refused("%1 = constant [300] : u8[1]").find("'300' is no u8") != std::string::npos);
  CHECK(refused("%1 = constant 0 : u8[9999999999]").find("too big") != std::string::npos);
  CHECK(refused("%1 = constant 0 : u8[n]").find("known extents") != std::string::npos);
  CHECK(refused("%1 = dims [n] : i64[2]").find("the type of dims") != std::string::npos);
  CHECK(refused("%1 = if(%0) { region () {").find("'yield' is missing") != std::string::npos);
  CHECK(refused("symbol a = data symbol a = data").find("twice") != std::string::npos);
  CHECK(refused("split(%0) {at = x}").find("whole number") != std::string::npos);
  CHECK(refused("42").find("a statement is missing") != std::string::npos);
  CHECK_FALSE(parse_graph("").ok());
  CHECK_FALSE(parse_graph("graph \"\" { } x").ok());
  std::string deep = "graph \"\" { %0 = input \"c\" : bool[] ";
  for (int i = 1; i < 200; ++i) deep += "%" + std::to_string(i) + " = if(%0) { region () { ";
  CHECK_FALSE(parse_graph(deep).ok());
}

TEST_CASE("a cut text never parses and never crashes") {
  std::string_view whole = kText;
  for (size_t size = 0; size + 2 < whole.size(); ++size) {
    CHECK_FALSE(parse_graph(whole.substr(0, size)).ok());
  }
}

TEST_CASE("changed texts never crash") {
  std::mt19937 random(7);
  int parses = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = kText;
    for (int k = 0; k < 2; ++k) {
      size_t at = random() % text.size();
      text[at] = kText[random() % text.size()];
    }
    auto g = parse_graph(text);
    if (!g) continue;
    ++parses;
    if (verify_structure(*g)) CHECK(parse_graph(to_text(*g)).ok());
  }
  CHECK(parses > 100);
}

TEST_CASE("every attribute survives text and JSON") {
  std::mt19937 random(3);
  auto word = [&] {
    std::string s;
    for (size_t n = random() % 4; n-- > 0;) s += static_cast<char>(1 + random() % 126);
    return s;
  };
  auto real = [&] { return static_cast<float>(static_cast<int32_t>(random())) * 1e-3f; };
  for (int i = 0; i < 300; ++i) {
    fake::Everything e;
    e.i = static_cast<int64_t>(random()) - INT32_MAX;
    e.f = i == 0 ? INFINITY : real();
    e.b = random() % 2;
    e.t = all_dtypes()[random() % all_dtypes().size()];
    e.s = word();
    e.is.assign(random() % 3, e.i);
    e.fs.assign(random() % 3, e.f);
    e.ss.assign(random() % 3, word());
    if (random() % 2) e.oi = e.i;
    if (random() % 2) e.of = std::nullopt;
    Graph g;
    ValueId x = g.add_input(Type::tensor(DType::kF32, {}), word());
    g.add_node(Graph::kTop, fake::attrs(e), {x}, {g[x].type}, {"/e"});
    INFO(to_text(g));
    REQUIRE(parsed(to_text(g)).nodes[0].attrs == g.nodes[0].attrs);
    auto back = from_json(json_of(g));
    REQUIRE(back.ok());
    REQUIRE(back->nodes[0].attrs == g.nodes[0].attrs);
  }
}

TEST_CASE("JSON keeps a graph with its ids") {
  Graph g = parsed(kText);
  std::string json = json_of(g);
  auto back = from_json(json);
  if (!back) FAIL(to_text(back.error()));
  CHECK(to_text(*back) == kText);
  CHECK(json_of(*back) == json);
  CHECK(fingerprint(*back, true) == fingerprint(g, true));
  CHECK(json.find("{\"id\": 0, \"op\": \"add\", \"version\": 1, \"inputs\": [0, 2], \"outputs\": "
                  "[{\"id\": 3, \"type\": \"f32[batch, 3]\", \"name\": \"sum\"}], \"attributes\": "
                  "{}, \"origin\": [\"/add\", \"/relu\"]}") != std::string::npos);

  // Dead values leave holes that stay.
  g.top().results = {g.outputs()[1]};
  g.output_names = {"z"};
  std::erase_if(g.top().nodes, [&](NodeId n) { return !g[n].regions.empty(); });
  auto sparse = from_json(json_of(g));
  REQUIRE(sparse.ok());
  CHECK(sparse->values.size() == g.values.size());
  CHECK(to_text(*sparse) == to_text(g));
}

TEST_CASE("changed JSON never crashes") {
  std::string json = json_of(parsed(kText));
  std::mt19937 random(11);
  int graphs = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = json;
    size_t at = random() % text.size();
    text[at] = text[at] >= '0' && text[at] <= '9' ? static_cast<char>('0' + random() % 10)
                                                  : json[random() % json.size()];
    auto g = from_json(text);
    if (!g) continue;
    ++graphs;
    CHECK(!to_text(*g).empty());
    verify(*g, Level::kHir).ok();
  }
  CHECK(graphs > 100);
  CHECK_FALSE(from_json("{}").ok());
}

TEST_CASE("the fingerprint sees what a graph is, not how it is numbered") {
  Graph g = parsed(kText);
  Digest whole = fingerprint(g, true);
  Graph renumbered = parsed(kText);
  renumbered.add_constant(make_i64({99}, 1));
  renumbered.values.insert(renumbered.values.end(), 3, Value());
  CHECK(fingerprint(renumbered, true) == whole);

  auto changed = [&](std::string_view from, std::string_view to) {
    std::string text = kText;
    size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return fingerprint(parsed(text.replace(at, from.size(), to)), true) != whole;
  };
  CHECK(changed("/relu", "/relo"));
  CHECK(changed("oi = 7", "oi = 8"));
  CHECK(changed("max 64", "max 63"));
  CHECK(changed("<= 64", "<= 65"));
  CHECK(changed("input \"flag\"", "input \"flog\""));
  CHECK(changed("output \"z\"", "output \"zz\""));
  CHECK(changed("add(%0, %2)", "add(%2, %0)"));
  CHECK(changed("dims [batch, 3]", "dims [batch, 4]"));
  CHECK(changed("yield %8", "yield %5"));
  CHECK(changed("0.5", "0.25"));

  std::string other_data = kText;
  other_data.replace(other_data.find("0.5"), 3, "0.25");
  CHECK(fingerprint(parsed(other_data), false) == fingerprint(g, false));
  CHECK(fingerprint(g, false) != whole);
}

}  // namespace rlx
