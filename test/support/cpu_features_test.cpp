#include "support/cpu_features.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace rlx {
namespace {

TEST_CASE("a name that nobody knows is no feature, and no machine has it") {
  CHECK(is_cpu_feature("avx2"));
  CHECK(!is_cpu_feature("avx4096"));
  CHECK(!is_cpu_feature(""));
  CHECK(!host_has("avx4096"));
}

TEST_CASE("what is missing keeps its order") {
  CHECK(missing_on_host(host_features()).empty());
  CHECK(missing_on_host({"b", "avx4096"}) == Vec<std::string>{"b", "avx4096"});
}

TEST_CASE("all that the host has is sorted, and it has each") {
  Vec<std::string> all = host_features();
  CHECK(std::ranges::is_sorted(all));
  CHECK(std::ranges::all_of(all, is_cpu_feature));
  CHECK(std::ranges::all_of(all, host_has));
}

TEST_CASE("the compiler's own look agrees") {
  CHECK(host_has("sse4.2") == (__builtin_cpu_supports("sse4.2") != 0));
  CHECK(host_has("avx2") == (__builtin_cpu_supports("avx2") != 0));
  CHECK(host_has("fma") == (__builtin_cpu_supports("fma") != 0));
  CHECK(host_has("avx512f") == (__builtin_cpu_supports("avx512f") != 0));
  CHECK(host_has("avx512vnni") == (__builtin_cpu_supports("avx512vnni") != 0));
}

}  // namespace
}  // namespace rlx
