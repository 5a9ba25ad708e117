#include "target/target.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "support/cpu_features.h"

namespace rlx {

TEST_CASE("a baseline is its own canonical text") {
  for (std::string_view text : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
    auto t = parse_target(text);
    REQUIRE(t);
    CHECK(t->text == text);
    CHECK(t->is_cpu());
    CHECK(t->cpu().has("avx2"));
    CHECK(t->cpu().has("fma"));
  }
  CHECK(parse_target("cpu:portable")->text == "cpu:x86-64-v3");
}

TEST_CASE("registers follow from the features") {
  CHECK(parse_target("cpu:x86-64-v3")->cpu().vector_bits == 256);
  CHECK(parse_target("cpu:x86-64-v3")->cpu().vector_registers == 16);
  CHECK(parse_target("cpu:x86-64-v4")->cpu().vector_bits == 512);
  CHECK(parse_target("cpu:x86-64-v4")->cpu().vector_registers == 32);
  CHECK(parse_target("cpu:x86-64-v4,-avx512vl")->cpu().vector_bits == 256);
}

TEST_CASE("added and removed features are sorted, and said once") {
  auto t = parse_target("cpu:x86-64-v4,+avx512vnni,+amx-tile,-movbe,+avx2,+avx512vnni");
  REQUIRE(t);
  CHECK(t->text == "cpu:x86-64-v4,+amx-tile,+avx512vnni,-movbe");
  CHECK(t->cpu().has("amx-tile"));
  CHECK_FALSE(t->cpu().has("movbe"));
  CHECK(parse_target(t->text)->cpu().features == t->cpu().features);
  CHECK(std::is_sorted(t->cpu().features.begin(), t->cpu().features.end()));
}

TEST_CASE("host is a text that means the same elsewhere") {
  auto host = parse_target("host");
  if (!host) return;
  CHECK(host->text.starts_with("cpu:x86-64-v"));
  CHECK(host->cpu().features == host_features());
  CHECK(parse_target(host->text)->cpu().features == host->cpu().features);
}

TEST_CASE("a cuda target is its architecture") {
  for (std::string_view text : {"cuda:sm_80", "cuda:sm_90", "cuda:sm_100"}) {
    auto t = parse_target(text);
    REQUIRE(t);
    CHECK(t->text == text);
    CHECK_FALSE(t->is_cpu());
    CHECK("cuda:" + t->cuda().arch == text);
  }
  CHECK(parse_target("cuda:sm_80")->cuda().ptx == 70);
  CHECK(parse_target("cuda:sm_100")->cuda().ptx == 86);
}

TEST_CASE("sm_90a and sm_90 are one target") {
  CHECK(parse_target("cuda:sm_90a")->text == "cuda:sm_90");
  CHECK(parse_target("cuda:sm_90a")->cuda().arch == "sm_90");
}

TEST_CASE("targets of a list") {
  using Texts = Vec<std::string>;
  CHECK(split_targets("host") == Texts{"host"});
  CHECK(split_targets("host,cuda:sm_90") == Texts{"host", "cuda:sm_90"});
  CHECK(split_targets("cpu:x86-64-v4,+avx512bf16,-fma,cuda:sm_80") ==
        Texts{"cpu:x86-64-v4,+avx512bf16,-fma", "cuda:sm_80"});
  CHECK(split_targets("host,,cpu:portable,") == Texts{"host", "", "cpu:portable", ""});
  CHECK(split_targets("") == Texts{""});
}

TEST_CASE("unknown targets say what is known") {
  for (std::string_view text :
       {"", "cpu:", "cpu:pentium", "cpu:x86-64-v3,", "cpu:x86-64-v3,avx2", "cpu:x86-64-v3,+mmx3",
        "cuda:", "cuda:sm_", "cuda:sm_9x", "cuda:sm_70", "cuda:sm_80a", "tpu"}) {
    auto t = parse_target(text);
    REQUIRE_FALSE(t);
    CHECK(t.error().exit_code() == 2);
    CHECK(t.error().first().hint.find("cpu:x86-64-v3") != std::string::npos);
  }
}

}  // namespace rlx
