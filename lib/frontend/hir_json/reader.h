// Graphs as JSON (ir/text.h): what a program writes that has a model in no file format.
#pragma once
#include "ir/graph.h"

namespace rlx::hir_json {

// Checked by the rules of ir/verifier.h, since whoever wrote it is not rlx. Constants stand inline.
Result<Graph> read_graph(std::string_view file);

}  // namespace rlx::hir_json
