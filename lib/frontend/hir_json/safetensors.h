// Tensors by name in a file of the safetensors format: eight bytes that say how long the header is (little-endian), the
// header as JSON, {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, then the elements of all tensors,
// row-major and without gaps.
#pragma once
#include <map>

#include "ir/graph.h"
#include "support/files.h"
#include "support/output_file.h"

namespace rlx::hir_json {

// What a header may hold besides tensors, and so no tensor's name.
inline constexpr std::string_view kMetadata = "__metadata__";

// The format has no elements of less than a byte: they stand in it as a vector of the u8 that they share.
struct StoredTensor {
  DType dtype = DType::kF32;
  Vec<int64_t> shape;
  ConstantData data;
};

// Views of the file's bytes. Error kBrokenFile where it is no such file: cut off, tensors that overlap or leave gaps, bytes
// that are nobody's; kUnsupportedType for element types that rlx lacks.
Result<std::map<std::string, StoredTensor>> read_safetensors(
    const std::shared_ptr<const MappedFile>& file);

struct NamedTensor {
  std::string name;
  StoredTensor tensor;
};

// Elements lie at multiples of their size. Names are distinct.
Status write_safetensors(const Vec<NamedTensor>& tensors, OutputFile& out);

}  // namespace rlx::hir_json
