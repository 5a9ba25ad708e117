// A single tensor in a file of its own, as in ONNX's test data (`test_data_set_0/input_0.pb`).
#pragma once
#include "ir/graph.h"

namespace rlx::onnx {

struct TensorFile {
  // Often empty: such files are bound by the index in their name.
  std::string name;
  Constant tensor;
};

Result<TensorFile> read_tensor_file(const std::string& path);

}  // namespace rlx::onnx
