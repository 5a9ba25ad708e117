// Models as JSON that reader.h reads back as the same graph.
#pragma once
#include "frontend/hir_json/safetensors.h"
#include "ir/graph.h"

namespace rlx::hir_json {

struct WrittenModel {
  std::string text;
  // What is too big to stand in the text; their data is the graph's.
  Vec<NamedTensor> weights;
};

// `weights` is the name under which the text speaks of their file, which is beside it. Error kUnsupportedType for strings.
Result<WrittenModel> write_model(const Graph& g, std::string_view weights);

}  // namespace rlx::hir_json
