// Models as JSON (docs/hir-json.md): what people and scripts write, and rlxc -o F.json. Names stand for values, what
// follows from the rest may be left out, and big constants lie in a safetensors file beside it.
#pragma once
#include "frontend/frontend.h"

namespace rlx::hir_json {

// The first line of every such file.
inline constexpr std::string_view kSchema = "rlx.hir/1";

// Checked by the rules of ir/verifier.h, since whoever wrote it is not rlx. Weights are looked for in folder; with an
// empty one there may be none.
Result<ModelFile> read_model(std::string_view text, const std::string& folder);
Result<ModelFile> read_model(std::shared_ptr<const MappedFile> file);

}  // namespace rlx::hir_json
