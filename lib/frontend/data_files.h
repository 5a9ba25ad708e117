// Files beside a model that hold its big tensors: what every format asks of them.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "support/dtype.h"
#include "support/files.h"

namespace rlx {

// Elements times their size; nullopt where an extent is negative or the product is beyond any memory.
std::optional<int64_t> byte_size(DType dtype, const Vec<int64_t>& shape);

// Whether bytes can be elements of that type: those of bools are 0 and 1.
bool can_hold(DType dtype, Bytes bytes);

// The folder that a path leads to, where the model's other files are.
std::string folder_of_model(const std::string& path);

// The file of that name in the model's folder or below it. Error kExternalData where the name leads out of the folder,
// whatever the folder is (it is not relative, or has a step upwards), or where there is no such file. With an empty folder
// there are none.
Result<std::shared_ptr<const MappedFile>> open_beside(const std::string& folder,
                                                      std::string_view location);

}  // namespace rlx
