#include "frontend/onnx/reader.h"

#include <catch2/catch.hpp>

#include "frontend/codes.h"
#include "test/frontend/onnx_writer.h"

namespace rlx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the words of this file

// The bytes live on in the graph.
Result<ModelFile> read(const std::string& bytes) {
  auto keeper = std::make_shared<const std::string>(bytes);
  return onnx::read_model(*keeper, keeper, "");
}

Result<ModelFile> read(const GraphSpec& spec, int64_t opset = 17) {
  return read(model(graph(spec), opset));
}

Message f32(std::string_view name, const std::vector<Extent>& shape = {2}) {
  return value_info(name, kFloat, shape);
}

// x -> relu -> h -> add(w) -> y
GraphSpec small() {
  return {.inputs = {f32("x", {"batch", 2})},
          .outputs = {f32("y", {})},
          .nodes = {node({.op = "Relu", .inputs = {"x"}, .outputs = {"h"}, .name = "act"}),
                    node({.op = "Add", .inputs = {"h", "w"}, .outputs = {"y"}})},
          .initializers = {raw_tensor("w", kFloat, {2}, "12345678")}};
}

Vec<int> codes(const Result<ModelFile>& model) {
  Vec<int> all;
  if (model.ok()) return all;
  for (const Diagnostic& d : model.error().items) all.push_back(d.code);
  return all;
}

// ---- What a graph becomes ---------------------------------------------------------------------

TEST_CASE("a small model becomes nodes with names and origins") {
  auto model = read(small());
  REQUIRE(model.ok());
  CHECK(model->format == "onnx");
  CHECK(model->opset == 17);
  CHECK(model->ir_version == 8);
  const Graph& g = model->graph;
  CHECK(g.name == "g");
  REQUIRE(g.nodes.size() == 2);
  CHECK(g.nodes[0].op_name() == "relu");
  CHECK(g.nodes[0].origin == Origin{"act"});
  CHECK(g.nodes[1].op_name() == "add");
  CHECK(g.nodes[1].origin == Origin{"Add_y"});
  CHECK(g[g.inputs()[0]].name == "x");
  CHECK(g[g.nodes[0].outputs[0]].name == "h");
  CHECK(g.outputs() == g.nodes[1].outputs);
  CHECK(g.output_names == Vec<std::string>{"y"});
}

TEST_CASE("initializers are views of the file") {
  auto bytes = std::make_shared<const std::string>(model(graph(small())));
  auto model = onnx::read_model(*bytes, bytes, "");
  REQUIRE(model.ok());
  const Graph& g = model->graph;
  const Constant* w = g.constant_of(g.nodes[1].inputs[1]);
  REQUIRE(w != nullptr);
  CHECK(w->digest == sha256(bytes_of("12345678")));
  CHECK(w->shape == Vec<int64_t>{2});
  auto* data = reinterpret_cast<const char*>(w->data.bytes().data());
  CHECK(data == bytes->data() + bytes->find("12345678"));
}

TEST_CASE("an input with an initializer is no input") {
  GraphSpec spec = small();
  spec.inputs.push_back(f32("w"));
  auto model = read(spec);
  REQUIRE(model.ok());
  CHECK(model->graph.inputs().size() == 1);
}

TEST_CASE("an input whose default is given up is one like the others") {
  GraphSpec spec = small();
  spec.inputs.push_back(f32("w"));
  const std::string bytes = model(graph(spec));
  auto keeper = std::make_shared<const std::string>(bytes);
  auto with = onnx::read_model(*keeper, keeper, "", {"w", "y"});
  REQUIRE(with.ok());
  REQUIRE(with->graph.inputs().size() == 2);
  CHECK(with->graph[with->graph.inputs()[1]].name == "w");
}

TEST_CASE("constants that are asked for are inputs, each by itself") {
  GraphSpec spec = small();
  // The same bytes as w, which nothing else tells from it.
  spec.initializers.push_back(raw_tensor("v", kFloat, {2}, "12345678"));
  spec.nodes.push_back(node({.op = "Mul", .inputs = {"y", "v"}, .outputs = {"z"}}));
  spec.outputs = {f32("z")};
  const std::string bytes = model(graph(spec));
  auto keeper = std::make_shared<const std::string>(bytes);
  auto opened = onnx::read_model(*keeper, keeper, "", {}, {"v", "unknown"});
  REQUIRE(opened.ok());
  const Graph& g = opened->graph;
  REQUIRE(g.inputs().size() == 2);
  CHECK(g[g.inputs()[1]].name == "v");
  CHECK(to_text(g[g.inputs()[1]].type) == "f32[2]");
  CHECK(g.constant_of(g.nodes[1].inputs[1]) != nullptr);
  CHECK(g.nodes[2].inputs[1] == g.inputs()[1]);
}

TEST_CASE("what the file says of a value stays with it until it is inferred") {
  GraphSpec spec = small();
  spec.outputs = {f32("y", {"batch", 3})};
  auto model = read(spec);
  REQUIRE(model.ok());
  const Graph& g = model->graph;
  CHECK(to_text(g[g.outputs()[0]].declared) == "f32[\"?\", 3]");
  // 0 is what exporters write for what they do not know.
  spec.outputs = {f32("y", {-1, 0})};
  model = read(spec);
  CHECK(to_text(model->graph[model->graph.outputs()[0]].declared) == "f32[\"?\", \"?\"]");
}

TEST_CASE("nodes are put in an order in which they can run") {
  GraphSpec spec = small();
  std::swap(spec.nodes[0], spec.nodes[1]);
  auto model = read(spec);
  REQUIRE(model.ok());
  CHECK(model->graph.nodes[0].op_name() == "relu");
}

TEST_CASE("an output may be an input or a constant") {
  GraphSpec spec = small();
  spec.outputs = {f32("x"), f32("w"), f32("y")};
  auto model = read(spec);
  REQUIRE(model.ok());
  CHECK(model->graph.output_names == Vec<std::string>{"x", "w", "y"});
  CHECK(model->graph.outputs()[0] == model->graph.inputs()[0]);
}

// ---- Types and symbols ------------------------------------------------------------------------

Type input_type(const std::vector<Extent>& shape) {
  GraphSpec spec = small();
  spec.inputs = {f32("x", shape), f32("z", {"seq", "batch"})};
  auto model = read(spec);
  REQUIRE(model.ok());
  return model->graph[model->graph.inputs()[0]].type;
}

TEST_CASE("extents are numbers, names and expressions over names that inputs give") {
  CHECK(to_text(input_type({"batch", 3})) == "f32[batch, 3]");
  CHECK(to_text(input_type({"batch + 2*seq"})) == "f32[batch + seq * 2]");
  CHECK(to_text(input_type({"4"})) == "f32[4]");
  CHECK(input_type({}).rank() == 0);
}

TEST_CASE("extents without a name are symbols of their own, named from input and axis") {
  CHECK(to_text(input_type({-1, "?", "", -1})) == "f32[x_d0, x_d1, x_d2, x_d3]");
  CHECK(to_text(input_type({"x_d1", -1})) == "f32[x_d1, x_d1_]");
}

TEST_CASE("an expression over a name that no axis gives is a symbol itself") {
  CHECK(input_type({"2*unknown"}).shape == Vec<Dim>{Dim::symbol("2*unknown")});
  CHECK(input_type({"a b"}).shape == Vec<Dim>{Dim::symbol("a b")});
  // Text forms call loops that.
  CHECK(input_type({"i3"}).shape == Vec<Dim>{Dim::symbol("i3")});
}

TEST_CASE("a symbol's value is the first axis that is just it") {
  GraphSpec spec = small();
  spec.inputs = {f32("x", {"a + b", "b"}), f32("z", {"b", "a"})};
  auto model = read(spec);
  REQUIRE(model.ok());
  const Graph& g = model->graph;
  REQUIRE(g.symbols.size() == 2);
  const Symbol *a = g.find_symbol("a"), *b = g.find_symbol("b");
  CHECK((a->input == 1 && a->axis == 1));
  CHECK((b->input == 0 && b->axis == 1));
}

TEST_CASE("impossible inputs are refused") {
  for (const std::vector<Extent>& shape :
       {std::vector<Extent>{int64_t{1} << 62, int64_t{1} << 62},
        std::vector<Extent>(33, int64_t{1}), std::vector<Extent>(20, "1000000007 * batch")}) {
    GraphSpec spec = small();
    spec.inputs = {f32("x", shape), f32("z", {"batch"})};
    CHECK(!read(spec).ok());
  }
  GraphSpec spec = small();
  spec.inputs = {value_info("x", 14, {1})};
  CHECK(codes(read(spec)) == Vec<int>{kUnsupportedType});
}

// ---- Forms that change ------------------------------------------------------------------------

// The one node y = op(inputs), read.
Result<ModelFile> read_node(const NodeSpec& spec, int64_t opset = 17) {
  return read({.inputs = {f32("x", {2, 3}), value_info("i", kInt64, {1})},
               .outputs = {f32("y")},
               .nodes = {node(spec)}},
              opset);
}

Vec<int64_t> integers_of_input(const Graph& g, size_t i) {
  const Constant* c = g.constant_of(g.nodes.at(0).inputs.at(i));
  REQUIRE(c != nullptr);
  return integers_of(*c).value();
}

TEST_CASE("axes that were an attribute are an input") {
  auto model = read_node({.op = "ReduceMean",
                          .inputs = {"x"},
                          .outputs = {"y"},
                          .attributes = {attribute("axes", std::vector<int64_t>{1}),
                                         attribute("keepdims", int64_t{0})}},
                         13);
  REQUIRE(model.ok());
  CHECK(integers_of_input(model->graph, 1) == Vec<int64_t>{1});
  CHECK(to_text(model->graph.nodes[0].attrs) == "keepdims = 0");
}

TEST_CASE("constants of every spelling") {
  auto constant = [](const Message& a) {
    auto model = read_node({.op = "Constant", .outputs = {"y"}, .attributes = {a}});
    REQUIRE(model.ok());
    return *model->graph.constant_of(model->graph.outputs()[0]);
  };
  CHECK(constant(attribute("value_int", int64_t{7})).digest == make_i64({7}, 0).digest);
  CHECK(constant(attribute("value_ints", std::vector<int64_t>{7, 8})).digest ==
        make_i64({7, 8}, 1).digest);
  CHECK(constant(attribute("value_float", 1.0F)).dtype == DType::kF32);
  CHECK(constant(tensor_attribute("value", raw_tensor("", kInt64, {1}, "12345678"))).shape ==
        Vec<int64_t>{1});
}

TEST_CASE("dropout is nothing, its mask all true") {
  auto model = read({.inputs = {f32("x")},
                     .outputs = {f32("y"), f32("m")},
                     .nodes = {node({.op = "Dropout", .inputs = {"x"}, .outputs = {"y", "m"}})}});
  REQUIRE(model.ok());
  const Graph& g = model->graph;
  CHECK(g.outputs()[0] == g.inputs()[0]);
  CHECK(g.node_of(g.outputs()[1])->op_name() == "expand");
}

TEST_CASE("attributes at values that ask for nothing are taken") {
  NodeSpec spec{.op = "Relu", .inputs = {"x"}, .outputs = {"y"}};
  spec.attributes = {attribute("training_mode", int64_t{0})};
  CHECK(read_node(spec).ok());
  spec.attributes = {attribute("training_mode", int64_t{1})};
  CHECK(codes(read_node(spec)) == Vec<int>{kUnsupportedAttribute});
}

TEST_CASE("an attribute of another type is refused") {
  NodeSpec spec{.op = "Softmax",
                .inputs = {"x"},
                .outputs = {"y"},
                .attributes = {attribute("axis", "last")}};
  CHECK(codes(read_node(spec)) == Vec<int>{kInvalidModel});
}

// ---- Problems ---------------------------------------------------------------------------------

TEST_CASE("all problems are told at once") {
  auto model = read(
      {.inputs = {f32("x", {"n"})},
       .outputs = {f32("y"), f32("none")},
       .nodes = {node({.op = "Frobnicate", .inputs = {"x"}, .outputs = {"a"}, .name = "f"}),
                 node({.op = "Relu", .inputs = {"a"}, .outputs = {"b"}, .domain = "com.example"}),
                 node({.op = "Relu", .inputs = {"b", "b"}, .outputs = {"c"}}),
                 node({.op = "Relu", .inputs = {"c"}, .outputs = {"y"}})}});
  CHECK(codes(model) ==
        Vec<int>{kUnsupportedOperator, kUnsupportedDomain, kInvalidModel, kInvalidModel});
  const Diagnostic& first = model.error().items[0];
  CHECK(first.node == "f");
  CHECK(first.op == "Frobnicate");
  CHECK(first.opset == 17);
  CHECK(first.shapes == Vec<std::string>{"x: f32[n]"});
  CHECK(!first.hint.empty());
  CHECK(model.error().exit_code() == 4);
}

TEST_CASE("what is rlx's own is no operator of ONNX") {
  for (const char* op : {"Linear", "Swiglu", "Embedding", "DecoderBlock"}) {
    CAPTURE(op);
    CHECK(codes(read_node({.op = op, .inputs = {"x", "x"}, .outputs = {"y"}})) ==
          Vec<int>{kUnsupportedOperator});
  }
}

TEST_CASE("who reads the type of a value that could not be made goes on") {
  GraphSpec spec{
      .inputs = {value_info("i", kInt64, {"n"})},
      .outputs = {f32("y")},
      .nodes = {
          node({.op = "NegativeLogLikelihoodLoss", .inputs = {"nowhere", "i"}, .outputs = {"y"}})}};
  CHECK(codes(read(spec)) == Vec<int>{kInvalidModel});
}

TEST_CASE("what a node cannot do without is no matter of its place") {
  const auto of = [](const NodeSpec& n) {
    return codes(read({.inputs = {f32("x"), f32("w")}, .outputs = {f32("y")}, .nodes = {node(n)}}));
  };
  const Vec<int> refused{kInvalidModel};
  const std::vector<Message> hidden{attribute("hidden_size", int64_t{2})};
  CHECK(of({.op = "Sum", .inputs = {"x", "", "w"}, .outputs = {"y"}}) == refused);
  CHECK(of({.op = "Dropout", .inputs = {"", "w"}, .outputs = {"y"}}) == refused);
  CHECK(of({.op = "RNN", .inputs = {"x", "", "w"}, .outputs = {"y"}, .attributes = hidden}) ==
        refused);
}

TEST_CASE("a node that stands for several keeps the rules of each") {
  GraphSpec lacking{.inputs = {f32("w", {1, 4, 2}), f32("r", {1, 4, 4})},
                    .outputs = {f32("y")},
                    .nodes = {node({.op = "RNN",
                                    .inputs = {"", "w", "r"},
                                    .outputs = {"", "y"},
                                    .attributes = {attribute("hidden_size", int64_t{4})}})}};
  CHECK(codes(read(lacking)) == Vec<int>{kInvalidModel});
  GraphSpec of_text{
      .inputs = {f32("x", {"n", 3}), value_info("s", kString, {"n"})},
      .outputs = {f32("y")},
      .nodes = {node({.op = "NegativeLogLikelihoodLoss", .inputs = {"x", "s"}, .outputs = {"y"}})}};
  CHECK(codes(read(of_text)) == Vec<int>{kUnsupportedType});
}

TEST_CASE("problems inside nested graphs are told") {
  GraphSpec body{.outputs = {f32("z")},
                 .nodes = {node({.op = "Frobnicate", .inputs = {"x"}, .outputs = {"z"}})}};
  auto model =
      read({.inputs = {f32("x"), value_info("c", kBool, {})},
            .outputs = {f32("y")},
            .nodes = {node({.op = "If",
                            .inputs = {"c"},
                            .outputs = {"y"},
                            .attributes = {graph_attribute("then_branch", graph(body)),
                                           graph_attribute("else_branch", graph(body))}})}});
  REQUIRE(!model.ok());
  CHECK(model.error().items.size() >= 2);
  CHECK(model.error().items[0].node == "Frobnicate_z");
}

TEST_CASE("versions outside the range are refused, and the rest still looked at") {
  GraphSpec spec = small();
  CHECK(codes(read(spec, 6)) == Vec<int>{kUnsupportedFormat});
  CHECK(codes(read(spec, 26)) == Vec<int>{kUnsupportedFormat});
  CHECK(read(spec, 7).ok());
  CHECK(read(spec, 25).ok());
  CHECK(!read(model(graph(spec), 17, 99)).ok());
  spec.nodes.push_back(node({.op = "Frobnicate", .inputs = {"x"}, .outputs = {"z"}}));
  CHECK(codes(read(spec, 6)) == Vec<int>{kUnsupportedFormat, kUnsupportedOperator});
}

TEST_CASE("names that are missing, taken or go round in circles") {
  GraphSpec missing = small(), taken = small(), cycle = small(), twice = small(), given = small();
  missing.nodes.erase(missing.nodes.begin());
  CHECK(codes(read(missing)) == Vec<int>{kInvalidModel});
  taken.nodes.push_back(node({.op = "Relu", .inputs = {"x"}, .outputs = {"h"}}));
  CHECK(codes(read(taken)) == Vec<int>{kInvalidModel});
  twice.initializers.push_back(twice.initializers[0]);
  CHECK(codes(read(twice)) == Vec<int>{kInvalidModel});
  given.outputs.push_back(f32("y"));
  CHECK(codes(read(given)) == Vec<int>{kInvalidModel});
  cycle.nodes = {node({.op = "Add", .inputs = {"x", "b"}, .outputs = {"y"}}),
                 node({.op = "Relu", .inputs = {"y"}, .outputs = {"b"}})};
  CHECK(codes(read(cycle)) == Vec<int>{kInvalidModel});
}

// ---- Damaged and hostile files ----------------------------------------------------------------

TEST_CASE("a file cut anywhere is an error of the file") {
  std::string bytes = model(graph(small()));
  REQUIRE(read(bytes).ok());
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    auto model = read(bytes.substr(0, size));
    REQUIRE(!model.ok());
    CHECK(model.error().exit_code() == 3);
  }
}

TEST_CASE("a damaged byte is an error or another model, never a crash") {
  std::string bytes = model(graph(small()));
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int flip : {0x01, 0x08, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      auto model = read(damaged);
      if (!model.ok()) CHECK(!model.error().items.empty());
    }
  }
}

TEST_CASE("an error names offset and field") {
  std::string bytes = model(graph(small()));
  // The length of the graph, one too many.
  auto at = bytes.find('\x3a');
  bytes.resize(bytes.size() - 1);
  auto model = read(bytes.substr(0, at + 10));
  REQUIRE(!model.ok());
  CHECK(model.error().first().code == kBrokenFile);
  CHECK(model.error().first().message.find("field 7 of ModelProto") != std::string::npos);
}

TEST_CASE("graphs nested without end are refused") {
  Message inner = graph({.outputs = {f32("y")}});
  for (int depth = 0; depth < 200; ++depth) {
    inner = graph({.outputs = {f32("y")},
                   .nodes = {node({.op = "If",
                                   .outputs = {"y"},
                                   .attributes = {graph_attribute("then_branch", inner)}})}});
  }
  CHECK(codes(read(model(inner))) == Vec<int>{kBrokenFile});
}

TEST_CASE("an attribute without its value is damage") {
  Message a = Message().text(1, "value").number(20, 4);
  NodeSpec spec{.op = "Constant", .outputs = {"y"}, .attributes = {a}};
  CHECK(codes(read_node(spec)) == Vec<int>{kBrokenFile});
}

TEST_CASE("a file that is something else is said to be no model") {
  for (std::string_view text : {"", "hello, world", "\x89PNG\r\n\x1a\n", "{}"}) {
    auto model = read(std::string(text));
    REQUIRE(!model.ok());
    CHECK(model.error().exit_code() == 3);
  }
}

}  // namespace
}  // namespace rlx
