#include "frontend/onnx/reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/graph_reader.h"
#include "frontend/onnx/opsets.h"

namespace rlx::onnx {
namespace {

constexpr int64_t kFirstIrVersion = 3, kLastIrVersion = 14;

void check_ir_version(int64_t version, Vec<Diagnostic>& problems) {
  if (version >= kFirstIrVersion && version <= kLastIrVersion) return;
  problems.push_back(
      {.code = kUnsupportedFormat,
       .message = fmt::format("IR version {} is not supported", version),
       .hint = fmt::format("versions {} to {} are", kFirstIrVersion, kLastIrVersion)});
}

// An input whose default is not taken is one like the others.
void drop_defaults(GraphProto& g, const Vec<std::string>& given) {
  std::erase_if(g.initializers, [&](const TensorProto& t) {
    return std::ranges::find(given, t.name) != given.end() &&
           std::ranges::find(g.inputs, t.name, &ValueInfoProto::name) != g.inputs.end();
  });
}

bool is_named(const TensorProto& t, const Vec<std::string>& names) {
  return std::ranges::find(names, t.name) != names.end();
}

// Constants that become inputs.
void open_initializers(GraphProto& g, const Vec<std::string>& opened) {
  for (const TensorProto& t : g.initializers) {
    const bool is_input =
        std::ranges::find(g.inputs, t.name, &ValueInfoProto::name) != g.inputs.end();
    if (is_input || !is_named(t, opened)) continue;
    TypeProto type{.kind = TypeProto::Kind::kTensor, .elem_type = t.data_type, .has_shape = true};
    for (const int64_t extent : t.dims) type.dims.push_back({.value = extent});
    g.inputs.push_back({.name = t.name, .type = std::move(type)});
  }
  std::erase_if(g.initializers, [&](const TensorProto& t) { return is_named(t, opened); });
}

}  // namespace

Result<ModelFile> read_model(std::string_view file, std::shared_ptr<const void> keeper,
                             std::string folder, const Vec<std::string>& given,
                             const Vec<std::string>& opened, const InputShapes& shapes) {
  RLX_TRY(ModelProto model, parse_model(file));
  auto opset = own_opset(model.opsets);
  if (!model.graph) {
    return Error(kInvalidModel, "the file has no graph", "is it an ONNX model, and whole?");
  }
  if (!opset) return Error(kInvalidModel, "the model imports no operator set of ONNX");
  RLX_TRY(const Functions functions, Functions::of(model.functions));
  ModelFile out{.format = "onnx", .opset = *opset, .ir_version = model.ir_version};
  Tensors tensors(file, std::move(keeper), std::move(folder));
  Vec<Diagnostic> problems;
  check_ir_version(model.ir_version, problems);
  if (auto status = check_opset(*opset); !status) problems.push_back(status.error().first());
  drop_defaults(*model.graph, given);
  open_initializers(*model.graph, opened);
  GraphReader(*opset, functions, tensors, out.graph, problems).read(*model.graph, shapes);
  if (!problems.empty()) return Error(std::move(problems));
  out.files = tensors.external_files();
  return out;
}

Result<ModelFile> read_model(std::shared_ptr<const MappedFile> file, const Vec<std::string>& given,
                             const Vec<std::string>& opened, const InputShapes& shapes) {
  const Bytes all = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  RLX_TRY(ModelFile model,
          read_model(text, file, folder_of_model(file->stamp().path), given, opened, shapes));
  model.files.insert(model.files.begin(), std::move(file));
  return model;
}

}  // namespace rlx::onnx
