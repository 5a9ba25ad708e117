#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

std::string graph(const std::string& data, const std::string& indices, const std::string& node) {
  return "%d = input \"d\" : " + data + "\n%i = input \"i\" : " + indices + "\n%y = " + node +
         "\noutput \"y\" = %y";
}

const Tensor kData = f32({3, 2}, {1, 2, 3, 4, 5, 6});

}  // namespace

TEST_CASE("gather") {
  CHECK(near(run(graph("f32[3, 2]", "i64[n, 2]", "gather(%d, %i)"), {kData, i64({1, 2}, {2, -3})}),
             f32({1, 2, 2}, {5, 6, 1, 2})));
  CHECK(
      near(run(graph("f32[3, 2]", "i32[1]", "gather(%d, %i) {axis = -1}"), {kData, i32({1}, {1})}),
           f32({3, 1}, {2, 4, 6})));
  CHECK(near(run(graph("f32[3, 2]", "i64[]", "gather(%d, %i)"), {kData, i64({}, {1})}),
             f32({2}, {3, 4})));
  CHECK(inferred(graph("f32[v, 8]", "i64[b, s]", "gather(%d, %i)")) == "f32[b, s, 8]");
  CHECK(inferred(graph("f32[v, 8]", "f32[b]", "gather(%d, %i)")).find("RLX-E3202") !=
        std::string::npos);
}

TEST_CASE("an index has more bits than a float holds") {
  // 2^24 and its neighbours, which are one number in f32.
  Vec<uint8_t> data((1 << 24) + 4, 0);
  for (uint8_t i = 0; i < 4; ++i) data[(1U << 24) + i] = i + 1;
  const int64_t first = 1 << 24;
  CHECK(near(run(graph("u8[n]", "i64[3]", "gather(%d, %i)"),
                 {tensor<uint8_t>({first + 4}, data), i64({3}, {first + 1, first, first + 3})}),
             tensor<uint8_t>({3}, {2, 1, 4})));
}

TEST_CASE("a known index is an address") {
  const char* text = R"(
    %d = input "d" : f32[b, 4, 2]
    %i = constant -1 : i64[]
    %y = gather(%d, %i) {axis = 1}
    output "y" = %y)";
  CHECK(near(run(text, {f32({1, 4, 2}, {0, 1, 2, 3, 4, 5, 6, 7})}), f32({1, 2}, {6, 7})));
}

TEST_CASE("an index outside is the data's fault") {
  auto g = graph_of(graph("f32[3, 2]", "i64[1]", "gather(%d, %i)"));
  REQUIRE(g.ok());
  for (int64_t index : {3, -4}) {
    auto out = interpret(*g, {kData, i64({1}, {index})});
    REQUIRE(!out.ok());
    CHECK(out.error().exit_code() == 5);
  }
}

TEST_CASE("gather_elements") {
  CHECK(near(run(graph("f32[3, 2]", "i64[2, 2]", "gather_elements(%d, %i)"),
                 {kData, i64({2, 2}, {2, 0, -1, 1})}),
             f32({2, 2}, {5, 2, 5, 4})));
  CHECK(near(run(graph("f32[3, 2]", "i64[3, 1]", "gather_elements(%d, %i) {axis = 1}"),
                 {kData, i64({3, 1}, {1, 0, -1})}),
             f32({3, 1}, {2, 3, 6})));
}

TEST_CASE("gather_nd") {
  CHECK(near(run(graph("f32[3, 2]", "i64[2, 2]", "gather_nd(%d, %i)"),
                 {kData, i64({2, 2}, {0, 1, -1, 0})}),
             f32({2}, {2, 5})));
  CHECK(
      near(run(graph("f32[3, 2]", "i64[2, 1]", "gather_nd(%d, %i)"), {kData, i64({2, 1}, {2, 0})}),
           f32({2, 2}, {5, 6, 1, 2})));
  CHECK(near(run(graph("f32[3, 2]", "i64[3, 1]", "gather_nd(%d, %i) {batch_dims = 1}"),
                 {kData, i64({3, 1}, {1, 0, 1})}),
             f32({3}, {2, 3, 6})));
  CHECK(inferred(graph("f32[b, s, 8]", "i64[b, m, 1]", "gather_nd(%d, %i) {batch_dims = 1}")) ==
        "f32[b, m, 8]");
}

}  // namespace rlx::test
