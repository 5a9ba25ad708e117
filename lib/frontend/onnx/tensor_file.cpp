#include "frontend/onnx/tensor_file.h"

#include <fmt/format.h>

#include "frontend/onnx/tensor.h"

namespace rlx::onnx {
namespace {

Status add_tensors(const ValueProto& value, const std::string& label, Tensors& tensors,
                   Vec<TensorFile>& out) {
  if (value.tensor) {
    RLX_TRY(Constant tensor, tensors.constant(*value.tensor));
    out.push_back({label, std::move(tensor)});
    return {};
  }
  if (value.elements.empty()) out.push_back({label + "[]", std::nullopt});
  for (size_t i = 0; i < value.elements.size(); ++i) {
    RLX_TRY_VOID(add_tensors(value.elements[i], fmt::format("{}.{}", label, i), tensors, out));
  }
  return {};
}

}  // namespace

Result<Vec<TensorFile>> read_tensor_file(const std::string& path) {
  RLX_TRY(auto file, MappedFile::open(path));
  auto all = file->bytes();
  std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  auto read = [&]() -> Result<Vec<TensorFile>> {
    RLX_TRY(const ValueProto value, parse_value(text));
    Tensors tensors(text, file, {});
    Vec<TensorFile> out;
    RLX_TRY_VOID(add_tensors(value, "", tensors, out));
    return out;
  }();
  RLX_TRY_VOID(file->check_unchanged());
  return read;
}

}  // namespace rlx::onnx
