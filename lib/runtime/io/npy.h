// numpy's .npy: a short text header, then the elements.
//
// bf16, which numpy does not know, is the two-byte void type `V2` that ml_dtypes writes for it.
#pragma once
#include "runtime/io/host_tensor.h"

namespace rlx {

// The tensor in the bytes of a .npy file; `name` becomes its name and stands in messages.
Result<HostTensor> parse_npy(Bytes file, std::string name);
// What stands before the elements: 64-byte aligned, as numpy writes it.
std::string npy_header(const HostTensor& t);

// Its name is the file's, without folder and ending.
Result<HostTensor> read_npy(const std::string& path);
Status write_npy(const std::string& path, const HostTensor& t);

}  // namespace rlx
