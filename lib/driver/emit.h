// Any stage of the pipeline as text: rlxc --emit, and what text tests are made of.
#pragma once
#include "driver/compile.h"
#include "frontend/frontend.h"

namespace rlx::driver {

struct EmitRequest {
  // A model, FILE.mir or FILE.kernel.
  std::string path;
  // Where the text goes; of the stages hir and mir F.json asks for JSON (docs/hir-json.md).
  std::string output = {};
  // "hir", "mir", "lir", "kernel", "image", "llvm", "asm", "ptx", "sass".
  std::string stage;
  CompileOptions options;
  // As BuildRequest::shapes and lists.
  InputShapes shapes = {};
  // These passes instead of the pipeline; only for FILE.mir and models, up to the stage mir.
  std::optional<Vec<std::string>> passes = {};
  // Lines after the text: why neighbours were not fused.
  bool fusion_report = false;
};

struct Emitted {
  std::string text;
  // The file beside the output that holds the weights of which the text speaks, written by emit; empty where there is none.
  std::string weights = {};
};

Result<Emitted> emit(const EmitRequest& request);

}  // namespace rlx::driver
