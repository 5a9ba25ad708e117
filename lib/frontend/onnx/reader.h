// ONNX files: operator sets 13 to 23 of ONNX's own domain, and MatMulNBits of com.microsoft.
#pragma once
#include "frontend/frontend.h"

namespace rlx::onnx {

inline constexpr int64_t kFirstOpset = 13, kLastOpset = 23;

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
