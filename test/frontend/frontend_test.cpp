#include "frontend/frontend.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "frontend/codes.h"
#include "frontend/hir_json/writer.h"
#include "ir/text.h"
#include "test/frontend/onnx_writer.h"

namespace rlx {
namespace {

constexpr std::string_view kText = R"(graph "g" {
  %0 = input "x" : f32[2]
  %1 = relu(%0) : f32[2] @ ["act"]
  output "y" = %1
}
)";

// A file of that ending that goes away with the test.
class File {
 public:
  File(std::string_view ending, std::string_view content) {
    std::string folder = (std::filesystem::temp_directory_path() / "rlx-model-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    path = folder_ + "/m" + std::string(ending);
    REQUIRE(write_file(path, bytes_of(content)).ok());
  }
  ~File() { std::filesystem::remove_all(folder_); }

  std::string path;

 private:
  std::string folder_;
};

std::string json_of(std::string_view text) {
  auto graph = parse_graph(text);
  REQUIRE(graph.ok());
  auto written = hir_json::write_model(*graph, "m.safetensors");
  REQUIRE(written.ok());
  return written->text;
}

TEST_CASE("the ending tells text and JSON from ONNX") {
  using namespace test;  // NOLINT(google-build-using-namespace): the words of this case
  Message graph = test::graph({.inputs = {value_info("x", kFloat, {2})},
                               .outputs = {value_info("y", kFloat, {2})},
                               .nodes = {node({.op = "Relu", .inputs = {"x"}, .outputs = {"y"}})}});
  File mir(".mir", kText), json(".json", json_of(kText)), onnx(".onnx", test::model(graph));
  for (const auto& [file, format] : {std::pair{&mir, "mir"}, {&json, "json"}, {&onnx, "onnx"}}) {
    auto model = read_model(file->path);
    CAPTURE(format);
    REQUIRE(model.ok());
    CHECK(model->format == format);
    CHECK(model->graph.nodes.size() == 1);
    REQUIRE(model->files.size() == 1);
    CHECK(model->files[0]->stamp().path == file->path);
  }
  CHECK(read_model("/nowhere/m.onnx").error().exit_code() == 3);
}

TEST_CASE("bytes are found in the model's files") {
  File file(".onnx", "");
  std::string graph = test::model(
      test::graph({.inputs = {test::value_info("x", test::kFloat, {2})},
                   .outputs = {test::value_info("y", test::kFloat, {2})},
                   .nodes = {test::node({.op = "Add", .inputs = {"x", "w"}, .outputs = {"y"}})},
                   .initializers = {test::raw_tensor("w", test::kFloat, {2}, "12345678")}}));
  REQUIRE(write_file(file.path, bytes_of(graph)).ok());
  auto model = read_model(file.path);
  REQUIRE(model.ok());
  Bytes data = model->graph.constants.at(0).data.bytes();
  auto range = locate(*model, data);
  REQUIRE(range.has_value());
  CHECK(range->file == 0);
  CHECK(range->offset == static_cast<int64_t>(graph.find("12345678")));
  CHECK(!locate(*model, bytes_of("elsewhere")));
}

}  // namespace
}  // namespace rlx
