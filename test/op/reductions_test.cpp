#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

struct Row {
  const char* name;
  double init;
  double (*next)(double acc, double x);
  double (*finish)(double acc, double count);
};

double same(double acc, double) { return acc; }
double plus(double acc, double x) { return acc + x; }

const Row kRows[] = {
    {"reduce_l1", 0, [](double a, double x) { return a + std::fabs(x); }, same},
    {"reduce_l2", 0, [](double a, double x) { return a + x * x; },
     [](double a, double) { return std::sqrt(a); }},
    {"reduce_log_sum_exp", 0, [](double a, double x) { return a + std::exp(x); },
     [](double a, double) { return std::log(a); }},
    {"reduce_max", -1e30, [](double a, double x) { return std::max(a, x); }, same},
    {"reduce_mean", 0, plus, [](double a, double n) { return a / n; }},
    {"reduce_min", 1e30, [](double a, double x) { return std::min(a, x); }, same},
    {"reduce_prod", 1, [](double a, double x) { return a * x; }, same},
    {"reduce_sum", 0, plus, same},
    {"reduce_sum_square", 0, [](double a, double x) { return a + x * x; }, same},
};

std::string graph_of_row(const std::string& type, const std::string& axes,
                         const std::string& node) {
  return "%x = input \"x\" : " + type + "\n%a = constant " + axes + "\n%y = " + node +
         "\noutput \"y\" = %y";
}

// The reduction of x[2, 3, 4] over the axes that `reduced` marks.
Tensor reduced(const Row& row, const Tensor& x, const Vec<bool>& reduced, bool keepdims) {
  Vec<int64_t> kept;
  Vec<int64_t> shape;
  for (size_t axis = 0; axis < 3; ++axis) {
    kept.push_back(reduced[axis] ? 1 : x.shape[axis]);
    if (!reduced[axis] || keepdims) shape.push_back(kept.back());
  }
  Vec<float> out;
  each_index(kept, [&](const Vec<int64_t>& o) {
    double acc = row.init;
    double count = 0;
    each_index(x.shape, [&](const Vec<int64_t>& i) {
      for (size_t axis = 0; axis < 3; ++axis) {
        if (!reduced[axis] && i[axis] != o[axis]) return;
      }
      acc = row.next(acc, at(x, i));
      ++count;
    });
    out.push_back(static_cast<float>(row.finish(acc, count)));
  });
  return f32(shape, out);
}

}  // namespace

TEST_CASE("reductions over all choices of axes") {
  const Tensor x = random_f32({2, 3, 4});
  for (const Row& row : kRows) {
    for (int mask = 1; mask < 8; ++mask) {
      Vec<bool> axes;
      std::string list;
      int count = 0;
      for (int axis = 0; axis < 3; ++axis) {
        axes.push_back((mask >> axis & 1) != 0);
        if (!axes.back()) continue;
        list += (list.empty() ? "" : ", ") + std::to_string(axis == 1 ? -2 : axis);
        ++count;
      }
      const std::string constant = "[" + list + "] : i64[" + std::to_string(count) + "]";
      for (bool keepdims : {true, false}) {
        const std::string node =
            std::string(row.name) + "(%x, %a) {keepdims = " + (keepdims ? "1" : "0") + "}";
        INFO(node << " " << constant);
        CHECK(near(run(graph_of_row("f32[n, 3, 4]", constant, node), {x}),
                   reduced(row, x, axes, keepdims)));
      }
    }
  }
}

TEST_CASE("reductions without axes take all or none") {
  const Tensor x = f32({2, 2}, {1, 2, 3, 4});
  const auto of = [&](const std::string& attributes) {
    return run(
        "%x = input \"x\" : f32[2, 2]\n%y = reduce_sum(%x) {" + attributes + "}\noutput \"y\" = %y",
        {x});
  };
  CHECK(near(of("keepdims = 0"), f32({}, {10})));
  CHECK(near(of("noop_with_empty_axes = 1"), x));
}

TEST_CASE("reductions of integers and truths") {
  const Tensor x = i64({2, 2}, {3, -4, 5, 6});
  const auto of = [&](const std::string& op) {
    return run(graph_of_row("i64[2, 2]", "[1] : i64[1]", op + "(%x, %a) {keepdims = 0}"), {x});
  };
  CHECK(near(of("reduce_sum"), i64({2}, {-1, 11})));
  CHECK(near(of("reduce_max"), i64({2}, {3, 6})));
  CHECK(near(of("reduce_min"), i64({2}, {-4, 5})));
  CHECK(near(of("reduce_l2"), i64({2}, {5, 7})));
  CHECK(near(of("reduce_mean"), i64({2}, {0, 5})));
  const Tensor b = bools({2, 2}, {false, true, false, false});
  CHECK(near(
      run(graph_of_row("bool[2, 2]", "[1] : i64[1]", "reduce_max(%x, %a) {keepdims = 0}"), {b}),
      bools({2}, {true, false})));
}

TEST_CASE("reductions of nothing give the identity") {
  const Tensor x = f32({2, 0}, {});
  const auto of = [&](const std::string& op) {
    return run(graph_of_row("f32[2, 0]", "[1] : i64[1]", op + "(%x, %a) {keepdims = 0}"), {x});
  };
  CHECK(near(of("reduce_sum"), f32({2}, {0, 0})));
  CHECK(near(of("reduce_prod"), f32({2}, {1, 1})));
  CHECK(near(of("reduce_max"), f32({2}, {-INFINITY, -INFINITY})));
}

TEST_CASE("sums of shapes stay known") {
  const char* graph = R"(
    %x = input "x" : f32[n, 3, 4]
    %s = shape(%x)
    %a = constant [0] : i64[1]
    %y = reduce_prod(%s, %a) {keepdims = 0}
    output "y" = %y)";
  CHECK(known(graph) == "[n * 12]");
}

TEST_CASE("a reduction's axes must be known and in range") {
  CHECK(inferred("%x = input \"x\" : f32[2]\n%a = input \"a\" : i64[1]\n%y = reduce_sum(%x, "
                 "%a)\noutput \"y\" = %y")
            .find("RLX-E4201") != std::string::npos);
  CHECK(inferred(graph_of_row("f32[2]", "[1] : i64[1]", "reduce_sum(%x, %a)")).find("RLX-E3201") !=
        std::string::npos);
  CHECK(inferred(graph_of_row("f32[2]", "[0, -1] : i64[2]", "reduce_sum(%x, %a)")).find("twice") !=
        std::string::npos);
}

TEST_CASE("the place of the best element") {
  const Tensor x = f32({2, 4}, {1, 5, 5, 2, -1, -3, -3, 0});
  const auto of = [&](const std::string& node) {
    return run("%x = input \"x\" : f32[m, 4]\n%y = " + node + "\noutput \"y\" = %y", {x});
  };
  CHECK(near(of("arg_max(%x) {axis = 1}"), i64({2, 1}, {1, 3})));
  CHECK(near(of("arg_max(%x) {axis = -1, keepdims = 0, select_last_index = 1}"), i64({2}, {2, 3})));
  CHECK(near(of("arg_min(%x) {axis = 1, keepdims = 0}"), i64({2}, {0, 1})));
  CHECK(near(of("arg_min(%x) {axis = 1, keepdims = 0, select_last_index = 1}"), i64({2}, {0, 2})));
  CHECK(near(of("arg_max(%x) {keepdims = 0}"), i64({4}, {0, 0, 0, 0})));
}

TEST_CASE("cumulative sums") {
  const Tensor x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto of = [&](const std::string& attributes) {
    return run(graph_of_row("f32[2, n]", "1 : i64[]", "cum_sum(%x, %a)" + attributes), {x});
  };
  CHECK(near(of(""), f32({2, 3}, {1, 3, 6, 4, 9, 15})));
  CHECK(near(of(" {exclusive = 1}"), f32({2, 3}, {0, 1, 3, 0, 4, 9})));
  CHECK(near(of(" {reverse = 1}"), f32({2, 3}, {6, 5, 3, 15, 11, 6})));
  CHECK(near(of(" {exclusive = 1, reverse = 1}"), f32({2, 3}, {5, 3, 0, 11, 6, 0})));
}

}  // namespace rlx::test
