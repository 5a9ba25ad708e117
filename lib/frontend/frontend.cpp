#include "frontend/frontend.h"

#include <functional>

#include "frontend/hir_json/reader.h"
#include "frontend/onnx/reader.h"
#include "ir/text.h"

namespace rlx {
namespace {

std::string_view text_of(const MappedFile& file) {
  Bytes all = file.bytes();
  return {reinterpret_cast<const char*>(all.data()), all.size()};
}

Result<ModelFile> in_file(std::shared_ptr<const MappedFile> file, std::string format,
                          Result<Graph> graph) {
  if (!graph) return std::move(graph.error());
  ModelFile model{.format = std::move(format), .graph = std::move(*graph)};
  model.files.push_back(std::move(file));
  return model;
}

}  // namespace

Result<ModelFile> read_model(const std::string& path, const Vec<std::string>& given) {
  RLX_TRY(auto file, MappedFile::open(path));
  if (path.ends_with(".mir")) return in_file(file, "mir", parse_graph(text_of(*file)));
  if (path.ends_with(".json")) return in_file(file, "json", hir_json::read_graph(text_of(*file)));
  return onnx::read_model(std::move(file), given);
}

std::optional<FileRange> locate(const ModelFile& model, Bytes bytes) {
  std::less_equal<> not_after;
  for (size_t i = 0; i < model.files.size(); ++i) {
    Bytes all = model.files[i]->bytes();
    const std::byte* end = all.data() + all.size();
    if (!not_after(all.data(), bytes.data()) || !not_after(bytes.data() + bytes.size(), end))
      continue;
    return FileRange{i, bytes.data() - all.data()};
  }
  return std::nullopt;
}

}  // namespace rlx
