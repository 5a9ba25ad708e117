#include "frontend/onnx/older.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "frontend/codes.h"
#include "frontend/onnx/reader.h"
#include "test/frontend/onnx_writer.h"

namespace rlx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the words of this file

using Ints = std::vector<int64_t>;

std::string raw(const Ints& elements) {
  return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(int64_t)};
}

Message ints(std::string_view name, const Ints& elements) {
  return raw_tensor(name, kInt64, {std::ssize(elements)}, raw(elements));
}

Result<ModelFile> read_at(int64_t opset, const NodeSpec& spec) {
  // How each of the newer forms has them.
  const std::vector<Message> constants{ints("one", {1}), ints("two", {2}), ints("pair", {1, 2}),
                                       ints("zeros", {0, 0})};
  auto bytes = std::make_shared<const std::string>(
      model(graph({.inputs = {value_info("x", kFloat, {2, 3, 4}), value_info("s", kFloat, {6})},
                   .outputs = {value_info("y", kFloat, {})},
                   .nodes = {node(spec)},
                   .initializers = constants}),
            opset));
  return onnx::read_model(*bytes, bytes, "");
}

// "[1, 2]", "x", or the name of the operator that makes it.
std::string operand(const Graph& g, ValueId v) {
  if (!v.valid()) return "-";
  if (const Constant* c = g.constant_of(v)) {
    const auto elements = integers_of(*c);
    return elements ? fmt::format("[{}]", fmt::join(*elements, ", ")) : std::string(name(c->dtype));
  }
  const Node* maker = g.node_of(v);
  return maker ? std::string(maker->op_name()) : g[v].name;
}

// A line for each node.
std::string form(const Result<ModelFile>& model) {
  REQUIRE(model.ok());
  std::string text;
  const Graph& g = model->graph;
  for (const Node& n : g.nodes) {
    Vec<std::string> inputs;
    for (const ValueId v : n.inputs) inputs.push_back(operand(g, v));
    text += fmt::format("{}({}) {} -> {}\n", n.op_name(), fmt::join(inputs, ", "), to_text(n.attrs),
                        n.outputs.size());
  }
  return text;
}

int older_code(const Result<ModelFile>& model) {
  REQUIRE(!model.ok());
  return model.error().first().code;
}

struct Pair {
  int64_t last;
  NodeSpec older, newer;
};

TEST_CASE("what was an attribute is the input of the newer form") {
  const Vec<Pair> pairs = {
      {9,
       {.op = "Slice",
        .inputs = {"x"},
        .outputs = {"y"},
        .attributes = {attribute("starts", Ints{0, 0}), attribute("ends", Ints{1, 2}),
                       attribute("axes", Ints{1, 2})}},
       {.op = "Slice", .inputs = {"x", "zeros", "pair", "pair"}, .outputs = {"y"}}},
      {9,
       {.op = "TopK",
        .inputs = {"x"},
        .outputs = {"y", "i"},
        .attributes = {attribute("k", int64_t{2}), attribute("axis", int64_t{1})}},
       {.op = "TopK",
        .inputs = {"x", "two"},
        .outputs = {"y", "i"},
        .attributes = {attribute("axis", int64_t{1})}}},
      {12,
       {.op = "Squeeze",
        .inputs = {"x"},
        .outputs = {"y"},
        .attributes = {attribute("axes", Ints{1, 2})}},
       {.op = "Squeeze", .inputs = {"x", "pair"}, .outputs = {"y"}}},
      {12,
       {.op = "Unsqueeze",
        .inputs = {"x"},
        .outputs = {"y"},
        .attributes = {attribute("axes", Ints{1})}},
       {.op = "Unsqueeze", .inputs = {"x", "one"}, .outputs = {"y"}}},
      {12,
       {.op = "ReduceSum",
        .inputs = {"x"},
        .outputs = {"y"},
        .attributes = {attribute("axes", Ints{1, 2})}},
       {.op = "ReduceSum", .inputs = {"x", "pair"}, .outputs = {"y"}}},
      {17,
       {.op = "ReduceMax",
        .inputs = {"x"},
        .outputs = {"y"},
        .attributes = {attribute("axes", Ints{1})}},
       {.op = "ReduceMax", .inputs = {"x", "one"}, .outputs = {"y"}}},
      {12,
       {.op = "Split",
        .inputs = {"x"},
        .outputs = {"y", "z"},
        .attributes = {attribute("axis", int64_t{1}), attribute("split", Ints{1, 2})}},
       {.op = "Split",
        .inputs = {"x", "pair"},
        .outputs = {"y", "z"},
        .attributes = {attribute("axis", int64_t{1})}}},
      {17,
       {.op = "Split", .inputs = {"x"}, .outputs = {"y", "z"}},
       {.op = "Split",
        .inputs = {"x"},
        .outputs = {"y", "z"},
        .attributes = {attribute("num_outputs", int64_t{2})}}},
  };
  for (const Pair& p : pairs) {
    CAPTURE(p.older.op, p.last);
    CHECK(form(read_at(p.last, p.older)) == form(read_at(p.last + 1, p.newer)));
    // The newer set knows nothing of the older form.
    if (!p.older.attributes.empty()) CHECK(!read_at(p.last + 1, p.older).ok());
  }
}

TEST_CASE("rows were all axes from one on") {
  const NodeSpec first{.op = "Softmax", .inputs = {"x"}, .outputs = {"y"}};
  CHECK(
      form(read_at(12, first)) ==
      "flatten(x)  -> 1\nsoftmax(flatten)  -> 1\nshape(x)  -> 1\nreshape(softmax, shape)  -> 1\n");
  CHECK(form(read_at(13, first)) == "softmax(x)  -> 1\n");
  NodeSpec last = first;
  last.attributes = {attribute("axis", int64_t{2})};
  CHECK(form(read_at(12, last)) == "softmax(x)  -> 1\n");
}

TEST_CASE("what older sets alone can say is refused") {
  CHECK(older_code(read_at(8, {.op = "BatchNormalization",
                               .inputs = {"x", "s", "s", "s", "s"},
                               .outputs = {"y"},
                               .attributes = {attribute("spatial", int64_t{0})}})) ==
        kUnsupportedAttribute);
  CHECK(older_code(read_at(11, {.op = "Dropout", .inputs = {"x"}, .outputs = {"y", "mask"}})) ==
        kUnsupportedAttribute);
  CHECK(older_code(read_at(8, {.op = "Scan",
                               .inputs = {"", "x"},
                               .outputs = {"y"},
                               .attributes = {graph_attribute("body", graph({})),
                                              attribute("num_scan_inputs", int64_t{1})}})) ==
        kUnsupportedOperator);
  CHECK(older_code(read_at(9, {.op = "TopK", .inputs = {"x"}, .outputs = {"y"}})) == kInvalidModel);
}

TEST_CASE("a bound is given in the type of what it bounds") {
  const NodeSpec clip{.op = "Clip",
                      .inputs = {"x"},
                      .outputs = {"y"},
                      .attributes = {attribute("min", 0.0F), attribute("max", 6.0F)}};
  const auto model = read_at(6 + 1, clip);
  REQUIRE(model.ok());
  REQUIRE(model->graph.nodes.size() == 1);
  CHECK(model->graph[model->graph.nodes[0].inputs[2]].type.dtype == DType::kF32);
}

TEST_CASE("scale and bias were those of a group") {
  const NodeSpec spec{.op = "GroupNormalization",
                      .inputs = {"x", "s", "s"},
                      .outputs = {"y"},
                      .attributes = {attribute("num_groups", int64_t{3})}};
  CHECK(form(read_at(20, spec)).find("reshape(s, [3, 1])") != std::string::npos);
  CHECK(form(read_at(21, spec)).find("reshape(s, [3, -1, 1])") != std::string::npos);
}

TEST_CASE("an attribute that a composition does not know is refused") {
  CHECK(older_code(read_at(
            13, {.op = "LRN",
                 .inputs = {"x"},
                 .outputs = {"y"},
                 .attributes = {attribute("size", int64_t{3}), attribute("sides", int64_t{2})}})) ==
        kUnsupportedAttribute);
}

}  // namespace
}  // namespace rlx
