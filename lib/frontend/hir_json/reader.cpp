#include "frontend/hir_json/reader.h"

#include "frontend/codes.h"
#include "ir/text.h"
#include "ir/verifier.h"

namespace rlx::hir_json {
namespace {

Result<ConstantData> no_store(const Digest& digest, int64_t) {
  return Error(kInvalidModel, "the data of constant sha256:" + digest.hex() + " is in no file");
}

}  // namespace

Result<Graph> read_graph(std::string_view file) {
  RLX_TRY(const Json json, Json::parse(file));
  RLX_TRY(Graph graph, read_json(JsonReader(json, "graph"), no_store));
  Status valid = verify(graph, Level::kHir);
  if (valid) return graph;
  // To the verifier it is a bug of rlx, here it is the file's.
  for (Diagnostic& d : valid.error().items) d.code = kInvalidModel;
  return std::move(valid.error());
}

}  // namespace rlx::hir_json
