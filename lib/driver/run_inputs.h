// Sets of tensors from files: what --inputs and --expect name.
#pragma once
#include "frontend/frontend.h"
#include "image/image.h"
#include "runtime/io/host_tensor.h"

namespace rlx::driver {

struct TensorSet {
  // Of the file or folder, without ending: what its outputs are called.
  std::string name;
  Vec<HostTensor> tensors;
  // The tensors have no names of their own, but come in the model's order.
  bool by_position = false;
  // Then, what the tensors are and where sequences are empty (frontend.h).
  InputShapes shapes = {};
};

// The sets that these paths hold, with names that differ:
// - a .npz is a set; all .npy files together are one, each named by its file, or by NAME in NAME=FILE
// - a folder holds a set in each test_data_set_N and each .npz, or is one set: input_N.pb or .npy files
Result<Vec<TensorSet>> read_input_sets(const Vec<std::string>& paths);

// What is expected of the outputs for the set of that name: a .npz, or in a folder NAME.npz, the folder
// NAME, or the folder itself with output_N.pb or .npy files.
Result<TensorSet> read_expected(const std::string& path, const std::string& set_name);

// What a load is asked for: by name or by position.
InputShapes shapes_of(const TensorSet& set);

// Names the tensors of a set that has none.
Status name_by_position(TensorSet& set, const Vec<image::Tensor>& model);

// Drops tensors that are named in `others` and not in `wanted`: a file may hold inputs and outputs.
void drop_others(TensorSet& set, const Vec<image::Tensor>& wanted,
                 const Vec<image::Tensor>& others);

}  // namespace rlx::driver
