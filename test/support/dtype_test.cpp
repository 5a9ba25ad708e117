#include "support/dtype.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

TEST_CASE("every element type has a name that reads back") {
  for (DType type : all_dtypes()) CHECK(dtype_named(name(type)) == type);
  CHECK(!dtype_named("f31"));
  CHECK(name(DType::kBF16) == "bf16");
}

TEST_CASE("sizes") {
  CHECK(size_of(DType::kBool) == 1);
  CHECK(size_of(DType::kF16) == 2);
  CHECK(size_of(DType::kU64) == 8);
  CHECK(size_of(DType::kString) == 0);
  CHECK(bytes_of(DType::kF64, 0) == 0);
  CHECK(bytes_of(DType::kI16, 9) == 18);
  CHECK(size_of(DType::kU4) == 1);
  CHECK(bytes_of(DType::kI4, 9) == 5);
  CHECK(bytes_of(DType::kF32, INT64_MAX / 4) == INT64_MAX / 4 * 4);
}

TEST_CASE("classes") {
  for (DType type : all_dtypes()) {
    CHECK(is_float(type) == kFloats.has(type));
    CHECK(is_integer(type) == (kInts | kSubByteInts).has(type));
    if (is_sub_byte(type)) continue;
    CHECK(is_signed(type) == kSignedInts.has(type));
    CHECK(is_unsigned(type) == kUnsignedInts.has(type));
  }
  CHECK(value_bits(DType::kI8) == 7);
  CHECK(value_bits(DType::kI4) == 3);
  CHECK(value_bits(DType::kU8) == 8);
  CHECK(compute_type(DType::kBF16) == DType::kF32);
  CHECK(compute_type(DType::kI8) == DType::kI8);
}

TEST_CASE("sets of element types") {
  CHECK(kFloats.has(DType::kBF16));
  CHECK(!kFloats.has(DType::kI32));
  CHECK((kFloats | kBools).has(DType::kBool));
  CHECK(!kAnyDType.has(DType::kString));
}

}  // namespace
}  // namespace rlx
