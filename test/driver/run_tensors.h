// Tensors and folders for the tests of rlx-run's parts.
#pragma once
#include <catch2/catch.hpp>
#include <filesystem>

#include <unistd.h>

#include "driver/run_values.h"
#include "support/files.h"

namespace rlx::driver {

inline HostTensor tensor(std::string name, DType dtype, Vec<int64_t> shape,
                         const Vec<double>& values) {
  HostTensor t{std::move(name), dtype, std::move(shape)};
  t.data = AlignedBytes(*tensor_bytes(dtype, t.shape));
  REQUIRE(static_cast<size_t>(t.elements()) == values.size());
  set_elements<double>(t, [&](int64_t i) { return values[i]; });
  return t;
}

inline HostTensor floats(std::string name, const Vec<double>& values) {
  return tensor(std::move(name), DType::kF32, {static_cast<int64_t>(values.size())}, values);
}

// A folder that is gone at the end of the test.
class TestFolder {
 public:
  TestFolder() {
    static int count = 0;
    std::string name = "rlx_run_test_" + std::to_string(getpid()) + "_" + std::to_string(count++);
    root_ = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directories(root_);
  }
  ~TestFolder() { std::filesystem::remove_all(root_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  // The path of a file, its folder made.
  std::string at(const std::string& name) const {
    std::filesystem::path path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    return path.string();
  }
  std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

}  // namespace rlx::driver
