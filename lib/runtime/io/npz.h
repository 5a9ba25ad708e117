// numpy's .npz: a zip archive with a .npy file for each tensor.
#pragma once
#include "runtime/io/host_tensor.h"

namespace rlx {

// In the archive's order; an entry NAME.npy is the tensor NAME.
Result<Vec<HostTensor>> parse_npz(Bytes file, const std::string& path);
Result<Vec<HostTensor>> read_npz(const std::string& path);
// Stored, without times: the same tensors give the same bytes.
std::string to_npz(const Vec<HostTensor>& tensors);
Status write_npz(const std::string& path, const Vec<HostTensor>& tensors);

// By its name's ending: the tensors of a .npz, or the one of a .npy.
Result<Vec<HostTensor>> read_tensors(const std::string& path);

}  // namespace rlx
