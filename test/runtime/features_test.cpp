#include "runtime/cpu/features.h"

#include <catch2/catch.hpp>

namespace rlx::runtime::cpu {
namespace {

TEST_CASE("what every x86-64 has is here, what nobody knows is not") {
  CHECK(has_feature("sse2"));
  CHECK(!has_feature("avx4096"));
  CHECK(missing_features({"sse2", "avx4096", "cmov", "b"}) == Vec<std::string>{"avx4096", "b"});
}

TEST_CASE("the compiler's own look agrees") {
  CHECK(has_feature("avx2") == (__builtin_cpu_supports("avx2") != 0));
  CHECK(has_feature("fma") == (__builtin_cpu_supports("fma") != 0));
  CHECK(has_feature("avx512f") == (__builtin_cpu_supports("avx512f") != 0));
  CHECK(has_feature("avx512vnni") == (__builtin_cpu_supports("avx512vnni") != 0));
}

}  // namespace
}  // namespace rlx::runtime::cpu
