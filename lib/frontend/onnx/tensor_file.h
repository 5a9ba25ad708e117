// Values in files of their own, as in ONNX's test data (`test_data_set_0/input_0.pb`).
#pragma once
#include "ir/graph.h"

namespace rlx::onnx {

struct TensorFile {
  // Where it stands in the file's value, as in frontend.h: "" is the value itself, ".1" its second element, "[]" an
  // empty sequence or optional, which is no tensor.
  std::string label;
  std::optional<Constant> tensor;
};

// The tensor in a file, or those of a sequence or optional.
Result<Vec<TensorFile>> read_tensor_file(const std::string& path);

}  // namespace rlx::onnx
