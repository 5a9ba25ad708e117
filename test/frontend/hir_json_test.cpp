#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "frontend/codes.h"
#include "frontend/hir_json/reader.h"
#include "frontend/hir_json/writer.h"
#include "ir/text.h"

namespace rlx {
namespace {

class JsonFolder {
 public:
  JsonFolder() {
    path = (std::filesystem::temp_directory_path() / "rlx-json-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~JsonFolder() { std::filesystem::remove_all(path); }

  std::string add(const std::string& name, std::string_view content) const {
    REQUIRE(write_file(path + "/" + name, bytes_of(content)).ok());
    return path + "/" + name;
  }

  std::string path;
};

std::string json_text(const Graph& g) {
  auto written = hir_json::write_model(g, "m.safetensors");
  REQUIRE(written.ok());
  REQUIRE(written->weights.empty());
  return written->text;
}

Result<ModelFile> read_text(std::string_view text) { return hir_json::read_model(text, ""); }

int code_of(const Result<ModelFile>& m) { return m.ok() ? 0 : m.error().first().code; }

// Every kind of value, both kinds of facts, regions in regions.
constexpr std::string_view kGraph = R"(graph "g" {
  symbol n = input 0 axis 0, min 1, max 64
  symbol u0 = data, multiple_of 2
  %0 = input "x" : f32[n, 2]
  %1 = constant [1.5, -0.0] : f32[2] "w"
  %2 = constant true : bool[]
  %3 = constant 7 : i64[] "w"
  %4 = constant [0x3c00, 0x7e01] : f16[2]
  %5 = constant [nan, -inf, 0x7fc00001] : f32[3]
  %6 = constant [-8, 7, 3] : i4[3]
  %7 = constant 18446744073709551615 : u64[]
  %8 = constant 0.1 : f64[]
  %9 = dims [n * 2] : i64[1]
  %10 = dims [n] : i64[]
  %11 = add(%0, %1) : f32[n, 2] "a" @ ["/a", "/b"]
  %12 = softmax(%11) {axis = 0} : f32[n, 2] @ ["s"]
  %13 = clip(%12, _, _) : f32[n, 2] "a" @ ["c"]
  %14, %15 = loop(%3, %2, %13) : f32[n, 2], f32[7, n, 2] "all" @ ["l"] {
    region (%16 : i64[] "i", %17 : bool[], %18 : f32[n, 2]) captures (%13) {
      %19 = add(%18, %13) : f32[n, 2] @ ["l/add"]
      %20 = if(%17) : f32[n, 2] @ ["l/if"] {
        region () captures (%19) {
          yield %19
        }
        region () captures (%18) {
          %21 = neg(%18) : f32[n, 2] @ ["l/neg"]
          yield %21
        }
      }
      assume n <= 40 @ "l/add"
      yield %17, %20, %19
    }
  }
  %22 = reshape(%15, %9) : f32[n * 2] "y" @ ["r"]
  %23 = cast(%4) {to = f32} : f32[2] @ ["k4"]
  %24 = cast(%5) {to = i32} : i32[3] @ ["k5"]
  %25 = cast(%6) {to = i32} : i32[3] @ ["k6"]
  %26 = cast(%7) {to = f32} : f32[] @ ["k7"]
  %27 = cast(%8) {to = f32} : f32[] @ ["k8"]
  %28 = cast(%10) {to = f32} : f32[] @ ["k10"]
  assume n == 3 @ "r"
  output "y" = %22
  output "again" = %22
  output "last" = %14
}
)";

TEST_CASE("a model in JSON reads as the graph that it was") {
  auto graph = parse_graph(kGraph);
  if (!graph.ok()) FAIL(to_text(graph.error()));
  const std::string json = json_text(*graph);
  auto model = read_text(json);
  if (!model.ok()) FAIL(to_text(model.error()) + json);
  CHECK(model->format == "json");
  CHECK(to_text(compacted(model->graph)) == to_text(compacted(*graph)));
  // What was read is written the same.
  CHECK(json_text(model->graph) == json);
}

TEST_CASE("a model in JSON that is cut off is refused") {
  const std::string json = json_text(*parse_graph(kGraph));
  for (size_t size = 0; size + 1 < json.size(); size += 7) {
    CAPTURE(size);
    auto cut = read_text(json.substr(0, size));
    REQUIRE(!cut.ok());
    CHECK(cut.error().exit_code() == 3);
  }
}

// What people write: no types but the inputs', no origins, no captures.
constexpr std::string_view kByHand = R"({
  "schema": "rlx.hir/1",
  "inputs": [{"id": "x", "type": "f32[n, 3]"}],
  "constants": [{"id": "w", "type": "f32[3]", "value": [1, 2.5, -3e-2]},
                {"id": "two", "type": "i64[]", "value": 2},
                {"id": "yes", "type": "bool[]", "value": true}],
  "nodes": [
    {"op": "mul", "inputs": ["x", "w"], "outputs": ["h"]},
    {"op": "loop", "inputs": ["two", "yes", "x"], "outputs": ["y"], "regions": [
      {"arguments": ["i", "go", "s"],
       "nodes": [{"op": "add", "inputs": ["s", "h"], "outputs": ["t"]}],
       "results": ["go", "t"]}]}
  ],
  "outputs": ["y"]
})";

TEST_CASE("what follows from the rest may be left out") {
  auto model = read_text(kByHand);
  if (!model.ok()) FAIL(to_text(model.error()));
  const Graph& g = model->graph;
  CHECK(g.output_names == Vec<std::string>{"y"});
  CHECK(g.find_symbol("n") != nullptr);
  CHECK(to_text(g).find("captures (%1") == std::string::npos);
  CHECK(to_text(g).find("= mul(%0, %1) : ? \"h\" @ [\"h\"]") != std::string::npos);
  CHECK(to_text(g).find("-0.03") != std::string::npos);
  REQUIRE(g.regions.size() == 2);
  CHECK(g.regions[1].captures.size() == 1);
}

TEST_CASE("what is wrong with a model in JSON is said of its place") {
  struct Case {
    std::string_view from, to;
    int code;
    std::string_view says;
  };
  const Vec<Case> cases = {
      {"rlx.hir/1", "rlx.hir/2", kUnsupportedFormat, "rlx.hir/2"},
      {"\"schema\": \"rlx.hir/1\",", "", kInvalidModel, "'schema' is missing"},
      {"\"nodes\"", "\"node\"", kInvalidModel, "no member 'node'"},
      {"\"inputs\": [\"x\", \"w\"]", "\"inputs\": [\"x\", \"v\"]", kInvalidModel,
       "model.nodes[0].inputs[1]: \"v\" is not defined"},
      {"\"outputs\": [\"h\"]", "\"outputs\": [\"x\"]", kInvalidModel, "\"x\" is defined twice"},
      {"\"op\": \"mul\"", "\"op\": \"mull\"", kUnsupportedOperator, "no operator is called"},
      {"\"op\": \"mul\"", "\"op\": \"mul\", \"version\": 9", kUnsupportedOperator,
       "version 1 here"},
      {"\"op\": \"mul\"", "\"op\": \"mul\", \"attributes\": {\"axis\": 1}", kInvalidModel, "axis"},
      {"\"op\": \"mul\"", "\"op\": \"mul\", \"origin\": []", kInvalidModel,
       "an origin names a node"},
      {"[1, 2.5, -3e-2]", "[1, 2.5]", kInvalidModel, "constants[0].value"},
      {"[1, 2.5, -3e-2]", "[1, 2.5, \"x\"]", kInvalidModel, "constants[0].value"},
      {"[1, 2.5, -3e-2]", "[1, 2.5, [3]]", kInvalidModel, "constants[0].value[2]"},
      {"[1, 2.5, -3e-2]", "[1, 2.5, \"3, 4\"]", kInvalidModel, "constants[0].value[2]"},
      {"\"value\": 2}", "\"value\": 2.5}", kInvalidModel, "'2.5' is no i64"},
      {"\"value\": 2}", "\"value\": 2, \"dims\": \"n\"}", kInvalidModel, "a constant has a value"},
      {"\"value\": 2}", "\"tensor\": \"t\"}", kNoWeights, "in no file of weights"},
      {"\"type\": \"f32[3]\"", "\"type\": \"f32[n]\"", kInvalidModel, "known extents"},
      {"f32[n, 3]", "f32[n, 3", kInvalidModel, "inputs[0].type"},
      {"\"id\": \"x\", \"type\": \"f32[n, 3]\"", "\"id\": \"x\"", kInvalidModel,
       "an input needs a type"},
      {"\"results\": [\"go\", \"t\"]", "\"results\": [\"go\", \"h\"], \"result\": []",
       kInvalidModel, "'result'"},
      {"],\n  \"outputs\": [\"y\"]", "],\n  \"outputs\": [\"t\"]", kInvalidModel,
       "not defined before"},
      {"],\n  \"outputs\": [\"y\"]", "],\n  \"outputs\": [{\"name\": \"y\"}]", kInvalidModel,
       "'value' is missing"},
  };
  for (const Case& c : cases) {
    std::string text(kByHand);
    const size_t at = text.find(c.from);
    REQUIRE(at != std::string::npos);
    text.replace(at, c.from.size(), c.to);
    CAPTURE(c.to);
    auto model = read_text(text);
    REQUIRE(!model.ok());
    CHECK(code_of(model) == c.code);
    CHECK_THAT(to_text(model.error()), Catch::Contains(std::string(c.says)));
  }
}

TEST_CASE("a short text cannot ask for all memory") {
  std::string text(kByHand);
  std::string many;
  for (int i = 0; i < 33; ++i) {
    many += R"({"id": "c)" + std::to_string(i) + R"(", "type": "f64[1048576]", "value": )" +
            std::to_string(i) + "}, ";
  }
  const std::string_view begin = "\"constants\": [";
  text.insert(text.find(begin) + begin.size(), many);
  auto model = read_text(text);
  CHECK(code_of(model) == kInvalidModel);
  CHECK_THAT(to_text(model.error()), Catch::Contains("256 MiB at most"));
}

// ---- Weights ----------------------------------------------------------------------------------

std::string elements(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 7);
  return bytes;
}

TEST_CASE("big constants lie in a file beside the model") {
  Graph g;
  g.add_input(Type::tensor(DType::kF32, {}), "x");
  const ValueId big = g.add_constant(make_constant(DType::kF32, {10, 7}, elements(280)), "big");
  const ValueId four = g.add_constant(make_constant(DType::kI4, {3, 43}, elements(65)), "four");
  const ValueId odd = g.add_constant(make_constant(DType::kU8, {67}, elements(67)), "odd");
  for (const ValueId v : {big, four, odd}) {
    const NodeId n = g.add_node(Graph::kTop, Attrs(find_op("cast")), {v}, Types(1), {"c"});
    g.top().results.push_back(g[n].outputs[0]);
    g.output_names.push_back(g[v].name);
  }
  auto written = hir_json::write_model(g, "m.safetensors");
  REQUIRE(written.ok());
  REQUIRE(written->weights.size() == 3);
  const JsonFolder folder;
  {
    auto file = OutputFile::create(folder.path + "/m.safetensors");
    REQUIRE(file.ok());
    REQUIRE(hir_json::write_safetensors(written->weights, *file).ok());
    REQUIRE(file->finish().ok());
  }
  auto opened = MappedFile::open(folder.add("m.json", written->text));
  REQUIRE(opened.ok());
  auto model = hir_json::read_model(*opened);
  if (!model.ok()) FAIL(to_text(model.error()) + written->text);
  REQUIRE(model->files.size() == 2);
  CHECK(to_text(compacted(model->graph)) == to_text(compacted(g)));
  for (const Constant& c : model->graph.constants) {
    const Bytes data = c.data.bytes();
    CHECK(sha256(data) == c.digest);
    CHECK(locate(*model, data)->file == 1);
    if (c.dtype == DType::kF32) CHECK(locate(*model, data)->offset % 4 == 0);
  }
  // A type may be left out, and no other written.
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = written->text;
    text.replace(text.find(from), from.size(), to);
    return code_of(hir_json::read_model(text, folder.path));
  };
  CHECK(with("\"type\": \"f32[10, 7]\", ", "") == 0);
  CHECK(with("f32[10, 7]", "f32[7, 10]") == kInvalidTensor);
  CHECK(with("f32[10, 7]", "i32[10, 7]") == kInvalidTensor);
  CHECK(with("f32[10, 7]", "f32[n, 7]") == kInvalidTensor);
  CHECK(with("i4[3, 43]", "i4[3, 41]") == kInvalidTensor);
  CHECK(with("\"tensor\": \"big\"", "\"tensor\": \"small\"") == kNoWeights);
  for (const char* path :
       {"/etc/passwd", "../m.safetensors", "a/../../m.safetensors", "none", ""}) {
    CHECK(with("m.safetensors", path) == kExternalData);
  }
}

std::string safetensors_of(std::string_view header, std::string_view elements) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + std::string(header) +
         std::string(elements);
}

TEST_CASE("hostile files of weights are refused") {
  const JsonFolder folder;
  const auto code = [&](std::string_view content) {
    auto file = MappedFile::open(folder.add("w.safetensors", content));
    REQUIRE(file.ok());
    auto tensors = hir_json::read_safetensors(*file);
    return tensors.ok() ? 0 : tensors.error().first().code;
  };
  const auto with = [&](std::string_view header, size_t bytes = 4) {
    return code(safetensors_of(header, std::string(bytes, '\1')));
  };
  CHECK(with(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})") == 0);
  CHECK(with(R"({"__metadata__": {"format": "pt"}})", 0) == 0);
  CHECK(with(R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]},
                 "b": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}})") == 0);
  for (const std::string_view header :
       {"", "{", "[]", R"({"a": 1})", R"({"a": {"dtype": "U8", "shape": [4]}})",
        // Past the end, overlapping, with a gap, with bytes left over, of another size.
        R"({"a": {"dtype": "U8", "shape": [5], "data_offsets": [0, 5]}})",
        R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
               "b": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}})",
        R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [1, 4]}})",
        R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}})",
        R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 4]}})",
        R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [4, 0]}})",
        R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [-4, 0]}})",
        R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4, 8]}})",
        R"({"a": {"dtype": "U8", "shape": [-4], "data_offsets": [0, 4]}})",
        R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}})",
        R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
               "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})"}) {
    CAPTURE(header);
    CHECK(with(header) == kBrokenFile);
  }
  CHECK(with(R"({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}})") ==
        kUnsupportedType);
  CHECK(code(safetensors_of(R"({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}})",
                            "\2")) == kBrokenFile);
  // Headers that are longer than the file, or than any.
  CHECK(code("") == kBrokenFile);
  CHECK(code("1234567") == kBrokenFile);
  CHECK(code(std::string("\5\0\0\0\0\0\0\0{}", 10)) == kBrokenFile);
  CHECK(code(std::string(8, '\xff') + "{}") == kBrokenFile);
}

}  // namespace
}  // namespace rlx
