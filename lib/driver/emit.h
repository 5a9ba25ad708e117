// Any stage of the pipeline as text: rlxc --emit, and what text tests are made of.
#pragma once
#include "driver/compile.h"
#include "frontend/frontend.h"

namespace rlx::driver {

struct EmitRequest {
  // A model, FILE.mir or FILE.kernel.
  std::string path;
  // "hir", "mir", "lir", "kernel", "image", "llvm", "asm", "ptx".
  std::string stage;
  CompileOptions options;
  // As BuildRequest::shapes and lists.
  InputShapes shapes = {};
  // These passes instead of the pipeline; only for FILE.mir and models, up to the stage mir.
  std::optional<Vec<std::string>> passes = {};
  // Lines after the text: why neighbours were not fused.
  bool fusion_report = false;
};

Result<std::string> emit(const EmitRequest& request);

}  // namespace rlx::driver
