#include "driver/run_inputs.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "driver/run_codes.h"
#include "frontend/onnx/tensor_file.h"
#include "runtime/io/npz.h"

namespace rlx::driver {
namespace {

namespace fs = std::filesystem;

bool ends_with(const fs::path& path, std::string_view ending) { return path.extension() == ending; }

// N of "input_N" for the prefix "input_".
std::optional<int> number_after(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  int number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size() && number >= 0;
  return whole ? std::optional(number) : std::nullopt;
}

// What is in a folder, sorted by name; nothing where it cannot be read.
Vec<fs::path> entries_of(const fs::path& folder) {
  Vec<fs::path> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) entries.push_back(entry.path());
  std::ranges::sort(entries);
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string name_of(const fs::path& path) {
  // "dir/" and "." have no name of their own.
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  return (error ? path : whole).stem().string();
}

Status add_pb(TensorSet& set, const fs::path& path) {
  RLX_TRY(Vec<onnx::TensorFile> files, onnx::read_tensor_file(path));
  for (onnx::TensorFile& file : files) {
    if (!file.tensor) {
      set.shapes.emplace_back(std::move(file.label), Vec<int64_t>());
      continue;
    }
    Constant& t = *file.tensor;
    set.shapes.emplace_back(file.label, t.shape);
    set.tensors.push_back(
        {std::move(file.label), t.dtype, std::move(t.shape), AlignedBytes(t.data.bytes())});
  }
  return {};
}

// The files PREFIX0.pb, PREFIX1.pb, ... of a folder.
Result<TensorSet> read_pb_set(const fs::path& folder, std::string_view prefix) {
  std::map<int, fs::path> files;
  for (const fs::path& path : entries_of(folder)) {
    std::optional<int> number = number_after(prefix, path.stem().string());
    if (number && ends_with(path, ".pb")) files.emplace(*number, path);
  }
  TensorSet set{.name = name_of(folder), .by_position = true};
  int next = 0;
  for (const auto& [number, path] : files) {
    if (number != next) {
      return Error(kNoInputs, fmt::format("{} has {}{}.pb, but not {}{}.pb", folder.string(),
                                          prefix, number, prefix, next));
    }
    ++next;
    RLX_TRY_VOID(add_pb(set, path));
  }
  return set;
}

Status add_tensors(TensorSet& set, const fs::path& path) {
  RLX_TRY(Vec<HostTensor> tensors, read_tensors(path));
  std::ranges::move(tensors, std::back_inserter(set.tensors));
  return {};
}

// The .npy files of a folder, by name.
Result<TensorSet> read_npy_set(const fs::path& folder) {
  TensorSet set{.name = name_of(folder)};
  for (const fs::path& path : entries_of(folder)) {
    if (ends_with(path, ".npy")) RLX_TRY_VOID(add_tensors(set, path));
  }
  return set;
}

// The folder itself as one set; without tensors where it is none.
Result<TensorSet> read_as_set(const fs::path& folder, std::string_view prefix) {
  RLX_TRY(TensorSet set, read_pb_set(folder, prefix));
  if (!set.shapes.empty()) return set;
  return read_npy_set(folder);
}

Result<TensorSet> read_npz_set(const fs::path& path) {
  TensorSet set{.name = name_of(path)};
  RLX_TRY_VOID(add_tensors(set, path));
  return set;
}

// The folders test_data_set_N, by N.
Vec<fs::path> data_sets_in(const fs::path& folder) {
  std::map<int, fs::path> sets;
  for (const fs::path& path : entries_of(folder)) {
    std::optional<int> number = number_after("test_data_set_", path.filename().string());
    if (number && is_folder(path)) sets.emplace(*number, path);
  }
  Vec<fs::path> sorted;
  for (const auto& [number, path] : sets) sorted.push_back(path);
  return sorted;
}

// Reads sets one path after the other.
class SetReader {
 public:
  Status add(const std::string& path) {
    if (is_folder(path)) return add_folder(path);
    if (ends_with(path, ".npz")) return add_npz(path);
    return add_npy(path);
  }

  Vec<TensorSet> take() {
    if (!loose_.tensors.empty()) sets_.push_back(std::move(loose_));
    make_names_differ();
    return std::move(sets_);
  }

 private:
  Status add_npz(const fs::path& path) {
    RLX_TRY(TensorSet set, read_npz_set(path));
    sets_.push_back(std::move(set));
    return {};
  }

  Status add_folder(const fs::path& folder) {
    const size_t before = sets_.size();
    for (const fs::path& path : data_sets_in(folder)) {
      RLX_TRY(TensorSet set, read_as_set(path, "input_"));
      sets_.push_back(std::move(set));
    }
    for (const fs::path& path : entries_of(folder)) {
      if (ends_with(path, ".npz")) RLX_TRY_VOID(add_npz(path));
    }
    if (sets_.size() > before) return {};
    RLX_TRY(TensorSet set, read_as_set(folder, "input_"));
    if (set.tensors.empty() && set.shapes.empty()) return nothing_in(folder);
    sets_.push_back(std::move(set));
    return {};
  }

  static Error nothing_in(const fs::path& folder) {
    return Error(kNoInputs, fmt::format("no inputs in the folder {}", folder.string()),
                 "it may hold .npz or .npy files, input_N.pb files, or folders test_data_set_N");
  }

  // FILE.npy or NAME=FILE.npy.
  Status add_npy(const std::string& text) {
    const size_t equals = is_there(text) ? std::string::npos : text.find('=');
    const bool named = equals != std::string::npos;
    std::string path = named ? text.substr(equals + 1) : text;
    if (is_there(path) && !ends_with(path, ".npy")) {
      return Error(kNoInputs, fmt::format("{} is no .npz or .npy file, and no folder", path));
    }
    RLX_TRY_VOID(add_tensors(loose_, path));
    if (named) loose_.tensors.back().name = text.substr(0, equals);
    return {};
  }

  void make_names_differ() {
    std::set<std::string> seen;
    for (TensorSet& set : sets_) {
      std::string name = set.name;
      for (int n = 2; !seen.insert(set.name).second; ++n) set.name = fmt::format("{}_{}", name, n);
    }
  }

  Vec<TensorSet> sets_;
  // .npy files named one by one.
  TensorSet loose_{.name = "inputs"};
};

bool has(const Vec<image::Tensor>& tensors, const std::string& name) {
  return std::ranges::find(tensors, name, &image::Tensor::name) != tensors.end();
}

}  // namespace

Result<Vec<TensorSet>> read_input_sets(const Vec<std::string>& paths) {
  SetReader reader;
  for (const std::string& path : paths) RLX_TRY_VOID(reader.add(path));
  return reader.take();
}

Result<TensorSet> read_expected(const std::string& path, const std::string& set_name) {
  if (!is_folder(path)) return read_npz_set(path);
  fs::path folder = path, file = folder / (set_name + ".npz");
  if (is_there(file)) return read_npz_set(file);
  if (is_folder(folder / set_name)) folder /= set_name;
  RLX_TRY(TensorSet set, read_as_set(folder, "output_"));
  if (!set.tensors.empty() || !set.shapes.empty()) return set;
  return Error(kNoExpected,
               fmt::format("the folder {} has no outputs for the set '{}'", path, set_name),
               fmt::format("wanted {}, or output_N.pb or .npy files", file.string()));
}

InputShapes shapes_of(const TensorSet& set) {
  // By name the order means nothing, by position everything.
  if (set.by_position) return set.shapes;
  InputShapes shapes;
  for (const HostTensor& t : set.tensors) shapes.emplace_back(t.name, t.shape);
  std::ranges::sort(shapes);
  return shapes;
}

Status name_by_position(TensorSet& set, const Vec<image::Tensor>& model) {
  if (!set.by_position) return {};
  const bool has_lists =
      std::ranges::any_of(set.shapes, [](const auto& shape) { return !shape.first.empty(); });
  // Of a sequence all elements are there.
  if (set.tensors.size() > model.size() || (has_lists && set.tensors.size() != model.size())) {
    return Error(kNoInputs, fmt::format("set '{}' has {} tensors, the model {}", set.name,
                                        set.tensors.size(), model.size()));
  }
  for (size_t i = 0; i < set.tensors.size(); ++i) set.tensors[i].name = model[i].name;
  return {};
}

void drop_others(TensorSet& set, const Vec<image::Tensor>& wanted,
                 const Vec<image::Tensor>& others) {
  std::erase_if(set.tensors, [&](const HostTensor& tensor) {
    return has(others, tensor.name) && !has(wanted, tensor.name);
  });
}

}  // namespace rlx::driver
