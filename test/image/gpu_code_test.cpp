#include "image/gpu_code.h"

#include <catch2/catch.hpp>

#include "test/image/sample.h"

namespace rlx::image {
namespace {

GpuCode small_code() {
  return {
      .functions = {{"rlx_0_map", 256}, {"rlx_1_row", 32}}, .ptx = ".version 7.8", .cubin = "ELF"};
}

Image with(const GpuCode& code, uint64_t entry) {
  Image image{.target = "cuda:sm_90", .code = encode(code)};
  image.kernels = {{.name = "map", .entry = entry}};
  return image;
}

std::string problem_of(const Image& image) {
  auto code = gpu_code_of(image);
  return code ? "" : code.error().first().message;
}

TEST_CASE("code for a GPU survives its bytes") {
  auto read = gpu_code_of(with(small_code(), 1));
  REQUIRE(read.ok());
  CHECK(*read == small_code());
}

TEST_CASE("code for a GPU that is cut or grown is refused") {
  Image image = with(small_code(), 0);
  const std::string whole = image.code;
  for (size_t size = 0; size < whole.size(); ++size) {
    image.code = whole.substr(0, size);
    CHECK(problem_of(image) == "the code for a GPU is damaged: it ends elsewhere than it says");
  }
  image.code = whole + '\0';
  CHECK(problem_of(image) == "the code for a GPU is damaged: it ends elsewhere than it says");
}

TEST_CASE("a kernel has a function, and a function has threads") {
  CHECK(problem_of(with(small_code(), 2)) == "the code for a GPU is damaged: map has no function");
  for (const int64_t threads : {int64_t{0}, int64_t{-1}, int64_t{1025}, INT64_MAX}) {
    GpuCode code = small_code();
    code.functions[1].threads = threads;
    CHECK(problem_of(with(code, 0)) == "the code for a GPU is damaged: rlx_1_row has no threads");
  }
}

}  // namespace
}  // namespace rlx::image
