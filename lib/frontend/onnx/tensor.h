// Tensors of an ONNX file as constants: raw and external data by reference, typed data decoded.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "frontend/data_files.h"
#include "frontend/onnx/proto.h"
#include "ir/graph.h"
#include "support/files.h"

namespace rlx::onnx {

// nullopt where rlx has no such element type.
std::optional<DType> dtype_of(int64_t onnx_type);
// "float8e4m3fn": ONNX's own name in lower case, for messages.
std::string onnx_type_name(int64_t onnx_type);

class Tensors {
 public:
  // The bytes of the file live as long as keeper; folder is where external data is looked for, empty
  // where there may be none.
  Tensors(std::string_view file, std::shared_ptr<const void> keeper, std::string folder)
      : file_(file), keeper_(std::move(keeper)), folder_(std::move(folder)) {}

  Result<Constant> constant(const TensorProto& t);
  // The external files used so far, in order of first use.
  const Vec<std::shared_ptr<const MappedFile>>& external_files() const { return opened_; }

 private:
  Result<ConstantData> data_of(const TensorProto& t, DType dtype, int64_t size);
  Result<ConstantData> external_data(const TensorProto& t, int64_t size);
  Result<std::shared_ptr<const MappedFile>> external_file(std::string_view location);

  std::string_view file_;
  std::shared_ptr<const void> keeper_;
  std::string folder_;
  Vec<std::shared_ptr<const MappedFile>> opened_;
  std::map<std::string, size_t, std::less<>> opened_at_;
};

}  // namespace rlx::onnx
