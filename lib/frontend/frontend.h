// Model files into graphs of model-level operators: ONNX, JSON (docs/hir-json.md), text.
#pragma once
#include <memory>
#include <string>

#include "ir/graph.h"
#include "support/files.h"

namespace rlx {

// Names of inputs with the extents that are given to them: "x.0", "x.1" are what a sequence or an optional holds, "x[]" is
// an empty one. Without names (".0", "[]") they come in the order of the model's inputs.
using InputShapes = Vec<std::pair<std::string, Vec<int64_t>>>;

struct ModelFile {
  // "onnx", "json", "mir".
  std::string format;
  // 0 where the format has none.
  int64_t opset = 0, ir_version = 0;
  Graph graph = {};
  // The model itself, then its data files: what the graph's constants view, and whose stamps tell whether
  // anything changed.
  Vec<std::shared_ptr<const MappedFile>> files = {};
};

// Reads .mir text and .json by their endings, else ONNX. The error lists all that the model needs and rlx
// lacks. An input with a default of that name in `given` is an input; the others are their defaults. A constant
// of a name in `opened` is an input, the last ones in the order of the model. `shapes` say what inputs that are sequences
// or optionals hold.
Result<ModelFile> read_model(const std::string& path, const Vec<std::string>& given = {},
                             const Vec<std::string>& opened = {}, const InputShapes& shapes = {});

// The same, and an error says whether the file changed while it was read (3021), whatever else it was.
Result<ModelFile> watched_model(const std::string& path, const Vec<std::string>& given = {},
                                const Vec<std::string>& opened = {},
                                const InputShapes& shapes = {});
// That no file of the model has changed since it was opened: what its constants view is what was read.
// Error 3021.
Status check_unchanged(const ModelFile& model);

// Where in the model's files bytes lie; nullopt where they are in none.
struct FileRange {
  size_t file = 0;
  int64_t offset = 0;
};
std::optional<FileRange> locate(const ModelFile& model, Bytes bytes);

}  // namespace rlx
