#include "support/dtype.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

TEST_CASE("every element type has a name that reads back") {
  for (int i = 0; i < kDTypeCount; ++i) {
    auto type = static_cast<DType>(i);
    CHECK(dtype_named(name(type)) == type);
  }
  CHECK(!dtype_named("f31"));
  CHECK(name(DType::kBF16) == "bf16");
}

TEST_CASE("sizes") {
  CHECK(size_of(DType::kBool) == 1);
  CHECK(size_of(DType::kF16) == 2);
  CHECK(size_of(DType::kU64) == 8);
  CHECK(size_of(DType::kString) == 0);
}

TEST_CASE("sets of element types") {
  CHECK(kFloats.has(DType::kBF16));
  CHECK(!kFloats.has(DType::kI32));
  CHECK((kFloats | kBools).has(DType::kBool));
  CHECK(!kAnyDType.has(DType::kString));
}

}  // namespace
}  // namespace rlx
