#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

std::string matmul_graph(const std::string& left, const std::string& right) {
  return "%a = input \"a\" : " + left + "\n%b = input \"b\" : " + right +
         "\n%y = matmul(%a, %b)\noutput \"y\" = %y";
}

// a[ba, m, k] * b[bb, k, n] where ba and bb broadcast to `batches`.
Tensor product(const Tensor& a, const Tensor& b, int64_t batches) {
  const int64_t m = a.shape[1];
  const int64_t n = b.shape[2];
  Vec<float> out;
  each_index({batches, m, n}, [&](const Vec<int64_t>& i) {
    double sum = 0;
    for (int64_t k = 0; k < a.shape[2]; ++k) {
      sum += double{at(a, {i[0] % a.shape[0], i[1], k})} * at(b, {i[0] % b.shape[0], k, i[2]});
    }
    out.push_back(static_cast<float>(sum));
  });
  return f32({batches, m, n}, out);
}

Tensor reshaped(Tensor t, Vec<int64_t> shape) {
  t.shape = std::move(shape);
  return t;
}

}  // namespace

TEST_CASE("matrix products broadcast batches") {
  const Tensor a = random_f32({3, 2, 5}, 1);
  const Tensor b = random_f32({3, 5, 4}, 2);
  const Tensor one = random_f32({1, 5, 4}, 3);
  CHECK(near(run(matmul_graph("f32[n, 2, 5]", "f32[n, 5, 4]"), {a, b}), product(a, b, 3)));
  CHECK(near(run(matmul_graph("f32[n, 2, 5]", "f32[1, 5, 4]"), {a, one}), product(a, one, 3)));
  CHECK(near(run(matmul_graph("f32[n, 2, 5]", "f32[5, 4]"), {a, reshaped(one, {5, 4})}),
             product(a, one, 3)));
  const Tensor a2 = random_f32({1, 2, 5}, 4);
  CHECK(near(run(matmul_graph("f32[2, 5]", "f32[n, 5, 4]"), {reshaped(a2, {2, 5}), b}),
             product(a2, b, 3)));
}

TEST_CASE("vectors are one row or one column") {
  const Tensor a = f32({3}, {1, 2, 3});
  const Tensor b = f32({3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(near(run(matmul_graph("f32[3]", "f32[3, 2]"), {a, b}), f32({2}, {22, 28})));
  CHECK(
      near(run(matmul_graph("f32[2, 3]", "f32[3]"), {reshaped(b, {2, 3}), a}), f32({2}, {14, 32})));
  CHECK(near(run(matmul_graph("f32[3]", "f32[3]"), {a, a}), f32({}, {14})));
}

TEST_CASE("products of integers, and of nothing") {
  CHECK(
      near(run(matmul_graph("i64[1, 2]", "i64[2, 1]"), {i64({1, 2}, {3, -4}), i64({2, 1}, {5, 6})}),
           i64({1, 1}, {-9})));
  CHECK(near(run(matmul_graph("f32[2, 0]", "f32[0, 1]"), {f32({2, 0}, {}), f32({0, 1}, {})}),
             f32({2, 1}, {0, 0})));
}

TEST_CASE("matrix products infer") {
  CHECK(inferred(matmul_graph("f32[b, s, 8]", "f32[8, m]")) == "f32[b, s, m]");
  CHECK(inferred(matmul_graph("f32[2, 1, 3, 8]", "f32[h, 8, 5]")) == "f32[2, h, 3, 5]");
  CHECK(inferred(matmul_graph("f32[2, 3]", "f32[4, 5]")).find("RLX-E3203") != std::string::npos);
}

TEST_CASE("gemm transposes, scales and adds") {
  const Tensor a = random_f32({3, 4}, 1);
  const Tensor b = random_f32({4, 2}, 2);
  const Tensor c = random_f32({2}, 3);
  const auto transposed = [](const Tensor& t) {
    Vec<float> out;
    each_index({t.shape[1], t.shape[0]},
               [&](const Vec<int64_t>& i) { out.push_back(at(t, {i[1], i[0]})); });
    return f32({t.shape[1], t.shape[0]}, out);
  };
  Vec<float> want;
  each_index({3, 2}, [&](const Vec<int64_t>& i) {
    double sum = 0;
    for (int64_t k = 0; k < 4; ++k) sum += at(a, {i[0], k}) * at(b, {k, i[1]});
    want.push_back(static_cast<float>(0.5 * sum + 2 * at(c, {i[1]})));
  });
  const auto of = [&](const char* left, const char* right, const char* attributes, const Tensor& x,
                      const Tensor& y) {
    return run(std::string("%a = input \"a\" : ") + left + "\n%b = input \"b\" : " + right +
                   "\n%c = input \"c\" : f32[2]\n%y = gemm(%a, %b, %c) {alpha = 0.5, beta = 2.0" +
                   attributes + "}\noutput \"y\" = %y",
               {x, y, c});
  };
  CHECK(near(of("f32[m, 4]", "f32[4, 2]", "", a, b), f32({3, 2}, want)));
  CHECK(near(of("f32[4, m]", "f32[4, 2]", ", transA = 1", transposed(a), b), f32({3, 2}, want)));
  CHECK(near(of("f32[m, 4]", "f32[2, 4]", ", transB = 1", a, transposed(b)), f32({3, 2}, want)));
}

}  // namespace rlx::test
