#include "frontend/frontend.h"

#include <algorithm>
#include <functional>

#include "frontend/codes.h"
#include "frontend/hir_json/reader.h"
#include "frontend/onnx/reader.h"
#include "ir/text.h"
#include "ir/verifier.h"
#include "support/codes.h"

namespace rlx {
namespace {

std::string_view text_of(const MappedFile& file) {
  const Bytes all = file.bytes();
  return {reinterpret_cast<const char*>(all.data()), all.size()};
}

Result<ModelFile> in_file(std::shared_ptr<const MappedFile> file, Result<Graph> graph) {
  if (!graph) return std::move(graph.error());
  ModelFile model{.format = "mir", .graph = std::move(*graph)};
  model.files.push_back(std::move(file));
  return model;
}

// Text has digests in place of big constants: to read, not to compile.
Result<Graph> whole_graph(const std::string& path, std::string_view text) {
  RLX_TRY(Graph g, parse_graph(text));
  for (const Value& v : g.values) {
    if (v.def.kind != ValueDef::Kind::kConstant) continue;
    const Constant& c = g[v.def.constant];
    auto size = static_cast<int64_t>(c.data.bytes().size());
    if (c.dtype != DType::kString && size == bytes_of(c.dtype, c.elements())) continue;
    return Error(Diagnostic{.code = kNoWeights,
                            .message = path + " leaves out the bytes of constant " + v.name,
                            .shapes = {v.name + ": " + to_text(v.type)},
                            .hint = "text holds small constants only: give the model that it "
                                    "was printed from, or print it with -o F.json"});
  }
  Status valid = verify(g, Level::kHir);
  if (valid) return g;
  // To the verifier it is a bug of rlx, here it is the file's.
  for (Diagnostic& d : valid.error().items) d.code = kInvalidModel;
  return std::move(valid.error());
}

void open_constants(Graph& g, const Vec<std::string>& names) {
  for (size_t i = 0; i < g.values.size(); ++i) {
    Value& v = g.values[i];
    const bool named = std::find(names.begin(), names.end(), v.name) != names.end();
    if (v.def.kind != ValueDef::Kind::kConstant || !named) continue;
    Values& inputs = g.top().arguments;
    v.def = {.kind = ValueDef::Kind::kArgument,
             .region = Graph::kTop,
             .index = static_cast<uint32_t>(inputs.size())};
    inputs.emplace_back(i);
  }
}

}  // namespace

Result<ModelFile> read_model(const std::string& path, const Vec<std::string>& given,
                             const Vec<std::string>& opened, const InputShapes& shapes) {
  RLX_TRY(auto file, MappedFile::open(path));
  const bool is_text = path.ends_with(".mir");
  if (!is_text && !path.ends_with(".json")) {
    return onnx::read_model(std::move(file), given, opened, shapes);
  }
  auto model =
      is_text ? in_file(file, whole_graph(path, text_of(*file))) : hir_json::read_model(file);
  if (model) open_constants(model->graph, opened);
  return model;
}

Result<ModelFile> watched_model(const std::string& path, const Vec<std::string>& given,
                                const Vec<std::string>& opened, const InputShapes& shapes) {
  auto before = stamp_of(path);
  const int cut = cut_files();
  auto model = read_model(path, given, opened, shapes);
  if (model || !before) return model;
  // What was wrong with it may be that it was written over.
  auto now = stamp_of(path);
  if (cut == cut_files() && now && *now == *before) return model;
  return Error(kFileChanged, path + " changed while it was read", "run it again");
}

Status check_unchanged(const ModelFile& model) {
  for (const auto& file : model.files) RLX_TRY_VOID(file->check_unchanged());
  return {};
}

std::optional<FileRange> locate(const ModelFile& model, Bytes bytes) {
  const std::less_equal<> not_after;
  for (size_t i = 0; i < model.files.size(); ++i) {
    const Bytes all = model.files[i]->bytes();
    const std::byte* end = all.data() + all.size();
    if (!not_after(all.data(), bytes.data()) || !not_after(bytes.data() + bytes.size(), end)) {
      continue;
    }
    return FileRange{i, bytes.data() - all.data()};
  }
  return std::nullopt;
}

}  // namespace rlx
