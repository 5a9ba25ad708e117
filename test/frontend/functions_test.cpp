#include "frontend/onnx/functions.h"

#include <catch2/catch.hpp>

#include "frontend/codes.h"
#include "frontend/onnx/reader.h"
#include "test/frontend/onnx_writer.h"

namespace rlx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the words of this file

// y = local.f(x) {attributes}
Result<ModelFile> read_call(const std::vector<Message>& functions,
                            const std::vector<Message>& attributes = {}, int64_t opset = 17) {
  auto bytes =
      std::make_shared<const std::string>(model(graph({.inputs = {value_info("x", kFloat, {2, 3})},
                                                       .outputs = {value_info("y", kFloat, {})},
                                                       .nodes = {node({.op = "f",
                                                                       .inputs = {"x"},
                                                                       .outputs = {"y"},
                                                                       .attributes = attributes,
                                                                       .name = "call",
                                                                       .domain = "local"})}}),
                                                opset, 8, functions));
  return onnx::read_model(*bytes, bytes, "");
}

FunctionSpec leaky() {
  return {.domain = "local",
          .name = "f",
          .inputs = {"x"},
          .outputs = {"y"},
          .nodes = {node({.op = "LeakyRelu",
                          .inputs = {"x"},
                          .outputs = {"y"},
                          .attributes = {attribute_reference("alpha", "slope")}})},
          .attributes = {"slope"}};
}

std::string only_node(const Result<ModelFile>& model) {
  REQUIRE(model.ok());
  REQUIRE(model->graph.nodes.size() == 1);
  const Node& n = model->graph.nodes[0];
  return std::string(n.op_name()) + " " + to_text(n.attrs);
}

int call_code(const Result<ModelFile>& model) {
  REQUIRE(!model.ok());
  return model.error().first().code;
}

TEST_CASE("a call is the nodes of the function, its attributes theirs") {
  FunctionSpec f = leaky();
  CHECK(only_node(read_call({function(f)}, {attribute("slope", 0.5F)})) ==
        "leaky_relu alpha = 0.5");
  CHECK(only_node(read_call({function(f)})) == "leaky_relu ");
  f.attributes = {};
  f.defaults = {attribute("slope", 0.25F)};
  CHECK(only_node(read_call({function(f)})) == "leaky_relu alpha = 0.25");
  CHECK(only_node(read_call({function(f)}, {attribute("slope", 0.5F)})) ==
        "leaky_relu alpha = 0.5");
}

TEST_CASE("nodes of a function are named within the call") {
  auto model = read_call({function(leaky())});
  REQUIRE(model.ok());
  CHECK(model->graph.nodes[0].origin == Origin{"call/LeakyRelu_y"});
}

TEST_CASE("a function is read by the operator sets that it imports itself") {
  FunctionSpec f = leaky();
  f.nodes = {node({.op = "Softmax", .inputs = {"x"}, .outputs = {"y"}})};
  f.opset = 13;
  // Before 13 rows begin at axis 1, which is the last of two here.
  CHECK(only_node(read_call({function(f)}, {}, 11)) == "softmax ");
  f.nodes = {node({.op = "Squeeze",
                   .inputs = {"x"},
                   .outputs = {"y"},
                   .attributes = {attribute("axes", std::vector<int64_t>{0})}})};
  CHECK(call_code(read_call({function(f)}, {}, 11)) == kUnsupportedAttribute);
  f.opset = 11;
  CHECK(only_node(read_call({function(f)}, {}, 17)) == "squeeze ");
  f.opset = 99;
  CHECK(call_code(read_call({function(f)})) == kUnsupportedFormat);
  f.opset = 0;
  CHECK(call_code(read_call({function(f)})) == kInvalidModel);
}

TEST_CASE("an input that the call leaves out is left out of the nodes") {
  FunctionSpec f = leaky();
  f.inputs = {"x", "low"};
  f.nodes = {node({.op = "Clip", .inputs = {"x", "low"}, .outputs = {"y"}})};
  auto model = read_call({function(f)});
  REQUIRE(model.ok());
  CHECK(model->graph.nodes[0].inputs.size() == 1);
}

TEST_CASE("calls that fit no function") {
  FunctionSpec f = leaky();
  CHECK(call_code(read_call({function(f)}, {attribute("other", 0.5F)})) == kInvalidModel);
  f.inputs = {};
  CHECK(call_code(read_call({function(f)})) == kInvalidModel);
  CHECK(call_code(read_call({})) == kUnsupportedDomain);
  CHECK(call_code(read_call({function(leaky()), function(leaky())})) == kInvalidModel);
  f = leaky();
  f.nodes = {node({.op = "Add", .inputs = {"x", "a"}, .outputs = {"y"}}),
             node({.op = "Neg", .inputs = {"y"}, .outputs = {"a"}})};
  CHECK(call_code(read_call({function(f)})) == kInvalidModel);
}

TEST_CASE("a function that calls itself, if by another, is refused") {
  const auto calling = [](std::string_view name, std::string_view other) {
    FunctionSpec f = leaky();
    f.name = name;
    f.nodes = {node({.op = other, .inputs = {"x"}, .outputs = {"y"}, .domain = "local"})};
    return function(f);
  };
  CHECK(call_code(read_call({calling("f", "f")})) == kInvalidModel);
  CHECK(call_code(read_call({calling("f", "g"), calling("g", "f")})) == kInvalidModel);
}

TEST_CASE("a damaged byte of a function is an error or another model, never a crash") {
  const Message f = function(leaky());
  for (size_t i = 0; i < f.bytes.size(); ++i) {
    for (int flip : {0x01, 0x08, 0x80, 0xff}) {
      Message damaged = f;
      damaged.bytes[i] = static_cast<char>(damaged.bytes[i] ^ flip);
      const auto model = read_call({damaged}, {attribute("slope", 0.5F)});
      if (!model.ok()) CHECK(!model.error().items.empty());
    }
  }
}

// Each calls the next one twice.
std::vector<Message> doubling(int depth) {
  std::vector<std::string> names{"f"};
  for (int i = 1; i <= depth; ++i) names.push_back("f" + std::to_string(i));
  std::vector<Message> all;
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    FunctionSpec f = leaky();
    f.name = names[i];
    f.nodes = {node({.op = names[i + 1], .inputs = {"x"}, .outputs = {"h"}, .domain = "local"}),
               node({.op = names[i + 1], .inputs = {"h"}, .outputs = {"y"}, .domain = "local"})};
    all.push_back(function(f));
  }
  FunctionSpec last = leaky();
  last.name = names.back();
  all.push_back(function(last));
  return all;
}

TEST_CASE("functions that ask for nodes without end are refused") {
  CHECK(read_call(doubling(3)).ok());
  CHECK(call_code(read_call(doubling(25))) == kUnsupportedFormat);
  CHECK(call_code(read_call(doubling(60))) == kUnsupportedFormat);
}

}  // namespace
}  // namespace rlx
