// ONNX files: operator sets 7 to 25 of ONNX's own domain, each by its own rules (older.h), functions of the model, and
// the operators of com.microsoft that contrib.h names.
#pragma once
#include "frontend/frontend.h"

namespace rlx::onnx {

// A model in memory; its constants view the bytes, which keeper keeps. External data is looked for in
// folder; with an empty one there may be none. `given`, `opened` and `shapes` as in
// frontend.h.
Result<ModelFile> read_model(std::string_view file, std::shared_ptr<const void> keeper,
                             std::string folder, const Vec<std::string>& given = {},
                             const Vec<std::string>& opened = {}, const InputShapes& shapes = {});
Result<ModelFile> read_model(std::shared_ptr<const MappedFile> file,
                             const Vec<std::string>& given = {},
                             const Vec<std::string>& opened = {}, const InputShapes& shapes = {});

}  // namespace rlx::onnx
