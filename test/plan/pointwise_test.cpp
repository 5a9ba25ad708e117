// Which convolutions are products of matrices.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "plan/fuse.h"

namespace rlx {
namespace {

// A convolution of one channel axis and one of pixels: the extent of its window, and the element of the window that a
// pixel meets.
std::optional<Kernel> products_of(std::string_view window, std::string_view element) {
  const std::string text = fmt::format(R"(kernel "conv" {{
  arg %x : f32[n, 3, 8] row_major
  arg %w : f32[5, 3, 4] row_major
  arg %y : f32[n, 5, 4] row_major written
  grid i0 in n, i1 in 5, i2 in 4
  conv %y.0 for i3 in 3, i4 in {0} {{
    batch i0 out i1 in i3 pixel [i2] window [i4]
    acc0 : f32
    v0 = load %x[i0, i3, i2 + i4]
    v1 = load %w[i1, i3, {1}]
    v2 = acc0
    x = v0
    w = v1
    %y[i0, i1, i2] = v2
  }}
}}
)",
                                       window, element);
  auto kernels = parse_kernels(text);
  if (!kernels) FAIL(to_text(kernels.error()));
  return with_contracts((*kernels)[0]);
}

}  // namespace

TEST_CASE("a convolution whose window is a pixel is a product of matrices") {
  const std::optional<Kernel> products = products_of("1", "i4");
  REQUIRE(products);
  REQUIRE(products->stages[0].kind() == Kind::kContract);
  CHECK(verify(*products).ok());
  const Contract& c = std::get<Contract>(products->stages[0].detail);
  CHECK(c.m.size() == 2);
  CHECK(c.n.size() == 1);
  CHECK(c.k.size() == 1);
}

TEST_CASE(
    "a convolution of several pixels is none, nor is one that gives each pixel weights of its "
    "own") {
  CHECK_FALSE(products_of("2", "i4"));
  CHECK_FALSE(products_of("w", "i4"));
  // As a transposed convolution has them, whose window is as wide as a stride.
  CHECK_FALSE(products_of("1", "i4 + i2"));
}

}  // namespace rlx
