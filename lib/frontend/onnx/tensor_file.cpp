#include "frontend/onnx/tensor_file.h"

#include "frontend/onnx/tensor.h"

namespace rlx::onnx {

Result<TensorFile> read_tensor_file(const std::string& path) {
  RLX_TRY(auto file, MappedFile::open(path));
  auto all = file->bytes();
  std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  auto read = [&]() -> Result<TensorFile> {
    RLX_TRY(const TensorProto proto, parse_tensor(text));
    RLX_TRY(Constant tensor, Tensors(text, file, {}).constant(proto));
    return TensorFile{std::string(proto.name), std::move(tensor)};
  }();
  RLX_TRY_VOID(file->check_unchanged());
  return read;
}

}  // namespace rlx::onnx
