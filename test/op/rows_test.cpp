#include <catch2/catch.hpp>

#include "passes/expand_blocks.h"
#include "test/oracle/run.h"

namespace rlx::test {
namespace {

Tensor softmax(const Tensor& x, size_t axis, bool log) {
  Vec<float> out;
  each_index(x.shape, [&](const Vec<int64_t>& i) {
    double sum = 0;
    Vec<int64_t> j = i;
    for (j[axis] = 0; j[axis] < x.shape[axis]; ++j[axis]) sum += std::exp(at(x, j));
    out.push_back(static_cast<float>(log ? at(x, i) - std::log(sum) : std::exp(at(x, i)) / sum));
  });
  return f32(x.shape, out);
}

}  // namespace

TEST_CASE("softmax and its logarithm along any axis") {
  const Tensor x = random_f32({3, 4, 5});
  for (int axis = 0; axis < 3; ++axis) {
    for (int given : {axis, axis - 3}) {
      const std::string node = "softmax(%x) {axis = " + std::to_string(given) + "}";
      const auto of = [&](const std::string& prefix) {
        return run("%x = input \"x\" : f32[n, 4, m]\n%y = " + prefix + node + "\noutput \"y\" = %y",
                   {x});
      };
      INFO(node);
      CHECK(near(of(""), softmax(x, static_cast<size_t>(axis), false)));
      CHECK(near(of("log_"), softmax(x, static_cast<size_t>(axis), true)));
    }
  }
}

TEST_CASE("softmax of large numbers is finite, of a masked row NaN") {
  const char* graph = "%x = input \"x\" : f32[2, 2]\n%y = softmax(%x)\noutput \"y\" = %y";
  const float masked = -INFINITY;
  CHECK(near(run(graph, {f32({2, 2}, {1000, 1000, masked, masked})}),
             f32({2, 2}, {0.5F, 0.5F, NAN, NAN})));
}

TEST_CASE("softmax keeps the smallest shares") {
  const char* graph = "%x = input \"x\" : f32[4]\n%y = softmax(%x)\noutput \"y\" = %y";
  const Vec<float> shares = run(graph, {f32({4}, {0, -20, -40, -80})}).as<float>();
  for (size_t i : {1, 2, 3}) {
    const double want = std::exp(i == 3 ? -80.0 : -20.0 * static_cast<double>(i));
    CHECK(shares.at(i) == Approx(want).epsilon(1e-5));
  }
}

TEST_CASE("hardmax is 1 at the first of the greatest") {
  const auto of = [](const char* axis, const Tensor& x) {
    return run("%x = input \"x\" : f32[n, 3]\n%y = hardmax(%x) {axis = " + std::string(axis) +
                   "}\noutput \"y\" = %y",
               {x});
  };
  const Tensor x = f32({2, 3}, {1, 3, 3, 2, NAN, -INFINITY});
  CHECK(near(of("-1", x), f32({2, 3}, {0, 1, 0, 0, 1, 0})));
  CHECK(near(of("0", x), f32({2, 3}, {0, 0, 1, 1, 1, 0})));
}

TEST_CASE("layer normalization over the last axes") {
  const Tensor x = random_f32({2, 3, 4});
  const Tensor scale = random_f32({4}, 2);
  const Tensor bias = random_f32({4}, 3);
  Vec<float> want;
  each_index(x.shape, [&](const Vec<int64_t>& i) {
    double mean = 0;
    double square = 0;
    for (int64_t k = 0; k < 4; ++k) mean += at(x, {i[0], i[1], k}) / 4;
    for (int64_t k = 0; k < 4; ++k) square += std::pow(at(x, {i[0], i[1], k}) - mean, 2) / 4;
    const double y = (at(x, i) - mean) / std::sqrt(square + 1e-3);
    want.push_back(static_cast<float>(y * at(scale, {i[2]}) + at(bias, {i[2]})));
  });
  const char* graph = R"(
    %x = input "x" : f32[n, 3, 4]
    %s = input "s" : f32[4]
    %b = input "b" : f32[4]
    %y = layer_normalization(%x, %s, %b) {epsilon = 0.001}
    output "y" = %y)";
  CHECK(near(run(graph, {x, scale, bias}), f32(x.shape, want)));
}

TEST_CASE("layer normalization gives its statistics") {
  auto g = graph_of(R"(
    %x = input "x" : f32[2, 4]
    %s = constant 1.0 : f32[]
    %y, %m, %i = layer_normalization(%x, %s) {epsilon = 0.0}
    output "m" = %m
    output "i" = %i)");
  REQUIRE(g.ok());
  auto out = interpret(*g, {f32({2, 4}, {1, 1, 3, 3, 0, 4, 0, 4})});
  REQUIRE(out.ok());
  CHECK(near((*out)[0], f32({2, 1}, {2, 2})));
  CHECK(near((*out)[1], f32({2, 1}, {1, 0.5F})));
}

TEST_CASE("batch normalization expands") {
  auto g = graph_of(R"(
    %x = input "x" : f32[n, 2, 2]
    %s = constant [2.0, 1.0] : f32[2]
    %b = constant [0.0, 1.0] : f32[2]
    %m = constant [1.0, 2.0] : f32[2]
    %v = constant [4.0, 9.0] : f32[2]
    %y = batch_normalization(%x, %s, %b, %m, %v) {epsilon = 0.0}
    output "y" = %y)");
  REQUIRE(g.ok());
  REQUIRE(expand_blocks(*g).ok());
  auto out = interpret(*g, {f32({1, 2, 2}, {1, 3, 2, 5})});
  REQUIRE(out.ok());
  CHECK(near((*out)[0], f32({1, 2, 2}, {0, 2, 1, 2})));
}

}  // namespace rlx::test
