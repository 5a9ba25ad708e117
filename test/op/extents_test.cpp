// Extents of 0, numbers at the ends of int64_t, and operands that do not fit.
#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

using Catch::Contains;

constexpr const char* kMost = "9223372036854775807";
constexpr const char* kLeast = "-9223372036854775808";

std::string one_node(const std::string& inputs, const std::string& node) {
  return inputs + "\n%y = " + node + "\noutput \"y\" = %y";
}

std::string slice(const std::string& extent, const std::string& start, const std::string& end,
                  const std::string& step) {
  return "%x = input \"x\" : f32[" + extent + "]\n%s = constant [" + start +
         "] : i64[1]\n%e = constant [" + end +
         "] : i64[1]\n%a = constant [0] : i64[1]\n%t = constant [" + step +
         "] : i64[1]\n%y = slice(%x, %s, %e, %a, %t)\noutput \"y\" = %y";
}

}  // namespace

TEST_CASE("slices are clamped whatever their numbers are") {
  for (const char* extent : {"10", "n"}) {
    const auto of = [&](const std::string& start, const std::string& end, const std::string& step,
                        int64_t size) {
      return run(slice(extent == std::string("n") ? "n" : std::to_string(size), start, end, step),
                 {counted({size})});
    };
    CHECK(near(of("0", kMost, kMost, 10), f32({1}, {0})));
    CHECK(near(of("-1", kLeast, kLeast, 10), f32({1}, {9})));
    CHECK(near(of("-1", kLeast, "-9223372036854775807", 10), f32({1}, {9})));
    CHECK(near(of(kLeast, kMost, "4", 10), f32({3}, {0, 4, 8})));
    CHECK(near(of(kMost, kLeast, "-4", 10), f32({3}, {9, 5, 1})));
    CHECK(near(of("-1", kLeast, "-1", 0), f32({0}, {})));
    CHECK(near(of("0", kMost, "1", 0), f32({0}, {})));
  }
}

TEST_CASE("a start that the dims make negative counts from the end") {
  const char* text = R"(
    %x = input "x" : f32[n]
    %h = shape(%x)
    %f = constant [4] : i64[1]
    %s = sub(%h, %f)
    %e = constant [9223372036854775807] : i64[1]
    %y = slice(%x, %s, %e)
    output "y" = %y)";
  CHECK(near(run(text, {counted({9})}), f32({4}, {5, 6, 7, 8})));
  CHECK(near(run(text, {counted({2})}), f32({2}, {0, 1})));
  CHECK(near(run(text, {counted({3})}), f32({1}, {2})));
  CHECK(near(run(text, {counted({0})}), f32({0}, {})));
}

TEST_CASE("tensors that nothing could hold are one error") {
  const auto of = [](const std::string& constants, const std::string& node) {
    return inferred(one_node("%x = input \"x\" : f32[n, 4]\n" + constants, node));
  };
  const std::string big = "4611686018427387904";
  CHECK_THAT(of("%p = constant [" + big + ", 0, " + big + ", 0] : i64[4]", "pad(%x, %p)"),
             Contains("RLX-E11201"));
  CHECK_THAT(of("%p = constant [2305843009213693952, 1] : i64[2]", "tile(%x, %p)"),
             Contains("RLX-E11201"));
  CHECK_THAT(of("%p = constant [" + big + ", 1, 1] : i64[3]", "expand(%x, %p)"),
             Contains("RLX-E11201"));
  CHECK_THAT(of("%p = constant [" + big + ", 4] : i64[2]", "constant_of_shape(%p)"),
             Contains("RLX-E11201"));
  CHECK_THAT(of("%p = constant [-1, 4] : i64[2]", "constant_of_shape(%p)"),
             Contains("an extent is negative: -1"));
  CHECK_THAT(of("%p = constant [1, -1] : i64[2]", "tile(%x, %p)"), Contains("negative"));
  CHECK_THAT(of("%a = constant 0 : i64[]\n%b = constant " + std::string(kMost) +
                    " : i64[]\n%c = constant 1 : i64[]",
                "range(%a, %b, %c)"),
             Contains("RLX-E11201"));
  CHECK(of("%a = constant " + std::string(kLeast) + " : i64[]\n%b = constant " + kMost +
               " : i64[]\n%c = constant " + kLeast + " : i64[]",
           "range(%a, %b, %c)") == "i64[0]");
}

TEST_CASE("padding that depends on an open extent is the one of a fixed extent") {
  const Tensor w = random_f32({3, 2, 3, 3}, 2);
  for (const char* pad : {"SAME_UPPER", "SAME_LOWER"}) {
    for (int64_t h : {1, 4, 7, 8}) {
      const Tensor x = random_f32({1, 2, h, 5});
      const auto of = [&](const std::string& extents, const std::string& node) {
        return one_node(
            "%x = input \"x\" : f32[1, 2, " + extents + "]\n%w = input \"w\" : f32[3, 2, 3, 3]",
            node);
      };
      const std::string fixed = std::to_string(h) + ", 5";
      const std::string geometry = std::string(" {auto_pad = \"") + pad + "\", strides = [2, 2]";
      const std::string window = geometry + ", kernel_shape = [3, 3]}";
      for (const std::string& node : {"conv(%x, %w)" + geometry + ", dilations = [2, 1]}",
                                      "max_pool(%x)" + window, "average_pool(%x)" + window}) {
        INFO(node << " over " << fixed);
        CHECK(near(run(of("h, v", node), {x, w}), run(of(fixed, node), {x, w})));
      }
    }
  }
}

TEST_CASE("negative padding crops") {
  const char* text = R"(
    %x = input "x" : f32[1, 1, 3, 4]
    %w = constant [1.0] : f32[1, 1, 1, 1]
    %y = conv(%x, %w) {pads = [0, -1, -1, -1]}
    output "y" = %y)";
  CHECK(near(run(text, {counted({1, 1, 3, 4})}), f32({1, 1, 2, 2}, {1, 2, 5, 6})));
}

TEST_CASE("the place of a maximum is one of its window, even of nothing but -inf") {
  auto g = graph_of(R"(
    %x = input "x" : f32[1, 1, 2, 4]
    %y, %i = max_pool(%x) {kernel_shape = [2, 2], strides = [2, 2], pads = [1, 0, 1, 0]}
    output "i" = %i)");
  REQUIRE(g.ok());
  const float low = -INFINITY;
  auto places = interpret(*g, {f32({1, 1, 2, 4}, {low, low, low, low, low, 3, low, low})});
  REQUIRE(places.ok());
  CHECK(near((*places)[0], i64({1, 1, 2, 2}, {0, 2, 5, 6})));
}

TEST_CASE("an empty row has the sum, product and extrema of nothing") {
  const auto of = [](const std::string& type, const std::string& op, const Tensor& x) {
    return run(one_node("%x = input \"x\" : " + type + "[n, 2]\n%a = constant [0] : i64[1]",
                        op + "(%x, %a) {keepdims = 0}"),
               {x});
  };
  const Tensor none = f32({0, 2}, {});
  CHECK(near(of("f32", "reduce_sum", none), f32({2}, {0, 0})));
  CHECK(near(of("f32", "reduce_l2", none), f32({2}, {0, 0})));
  CHECK(near(of("f32", "reduce_prod", none), f32({2}, {1, 1})));
  CHECK(near(of("f32", "reduce_max", none), f32({2}, {-INFINITY, -INFINITY})));
  CHECK(near(of("f32", "reduce_min", none), f32({2}, {INFINITY, INFINITY})));
  CHECK(near(of("f32", "reduce_mean", none), f32({2}, {NAN, NAN})));
  CHECK(near(of("f32", "reduce_log_sum_exp", none), f32({2}, {-INFINITY, -INFINITY})));
  CHECK(near(of("i32", "reduce_max", i32({0, 2}, {})), i32({2}, {INT32_MIN, INT32_MIN})));
  CHECK_THAT(inferred(one_node("%x = input \"x\" : f32[0, 2]", "arg_max(%x)")),
             Contains("the axis has no elements"));
}

TEST_CASE("operands that do not fit are refused") {
  const auto of = [](const std::string& inputs, const std::string& node) {
    return inferred(one_node(inputs, node));
  };
  const auto input = [](const std::string& name, const std::string& type) {
    return "%" + name + " = input \"" + name + "\" : " + type + "\n";
  };
  const std::string x = input("x", "f32[2, 2]");
  CHECK_THAT(of(x + input("i", "i64[900, 2]"), "gather_elements(%x, %i) {axis = 1}"),
             Contains("900 has to be at most 2"));
  CHECK(of(x + input("i", "i64[1, 900]"), "gather_elements(%x, %i) {axis = 1}") == "f32[1, 900]");
  CHECK_THAT(of(x + input("m", "f32[3]"), "clip(%x, %m)"), Contains("min is not one element"));
  CHECK_THAT(of(x + input("c", "f32[5, 2]"), "gemm(%x, %x, %c)"), Contains("does not broadcast"));
  CHECK_THAT(of(input("x", "f32[1, 2]") + input("w", "f32[2, 2]") + input("c", "f32[5, 2]"),
                "gemm(%x, %w, %c)"),
             Contains("does not broadcast"));
  CHECK_THAT(of(x + input("c", "f64[2]"), "gemm(%x, %x, %c)"), Contains("element type"));
  CHECK_THAT(of(input("x", "f32[2, 1]") + input("s", "f32[3]"), "layer_normalization(%x, %s)"),
             Contains("larger than a row"));
  CHECK_THAT(of(x + input("k", "i64[2]"), "trilu(%x, %k)"), Contains("k is not one element"));
  CHECK_THAT(
      of(x + "%p = constant [0, 0, 0, 0] : i64[4]\n" + input("v", "f32[2]"), "pad(%x, %p, %v)"),
      Contains("the constant is not one element"));
  CHECK_THAT(of(input("x", "f32[1, 2, 4]") + input("w", "f32[3, 2, 1]") + input("b", "f32[3, 1]"),
                "conv(%x, %w, %b)"),
             Contains("the bias is no vector"));
  CHECK_THAT(of(input("x", "f32[1, 5, 2, 2]"), "depth_to_space(%x) {blocksize = 2}"),
             Contains("5, is no multiple of 4"));
  CHECK_THAT(of(input("x", "f32[1, 4, 2, 2]"), "depth_to_space(%x) {blocksize = 4294967296}"),
             Contains("blocksize is 4294967296"));
}

TEST_CASE("what open extents need of each other is assumed") {
  auto g = graph_of(one_node("%x = input \"x\" : f32[n, m]\n%i = input \"i\" : i64[k, 2]",
                             "gather_elements(%x, %i) {axis = 1}"));
  REQUIRE(g.ok());
  REQUIRE(g->top().facts.size() == 1);
  CHECK(g->top().facts[0].relation == Fact::Relation::kLessEqual);
  CHECK(rlx::to_text(g->top().facts[0].a) == "k");
  CHECK(rlx::to_text(g->top().facts[0].b) == "n");
  // What is taken away is no axis of 1 that nobody knows.
  g = graph_of(one_node("%x = input \"x\" : f32[n, 1]", "squeeze(%x)"));
  REQUIRE(g.ok());
  CHECK(g->top().facts.size() == 1);
  // An axis to pick from has an element: the range says it.
  g = graph_of(one_node("%x = input \"x\" : f32[n, 2]", "arg_max(%x)"));
  REQUIRE(g.ok());
  CHECK(g->find_symbol("n")->min == 1);
  g = graph_of(
      one_node("%x = input \"x\" : f32[1, 1, h, 4]", "space_to_depth(%x) {blocksize = 2}"));
  REQUIRE(g.ok());
  CHECK(rlx::to_text((*g)[g->outputs()[0]].type) == "f32[1, 4, h floordiv 2, 2]");
  CHECK(g->top().facts.size() == 1);
}

TEST_CASE("a shape that is an input is known by its elements") {
  auto g = graph_of(one_node("%x = input \"x\" : f32[a, b]\n%s = input \"s\" : i64[2]",
                             "expand(%x, %s) : f32[a, b]"));
  REQUIRE(g.ok());
  REQUIRE(g->find_symbol("s.1"));
  CHECK(g->find_symbol("s.1")->element == 1);
  CHECK(g->find_symbol("s.1")->input == 1);
  CHECK_THAT(
      inferred(one_node("%x = input \"x\" : f32[4]\n%s = input \"s\" : i64[k]", "reshape(%x, %s)")),
      Contains("RLX-E4201"));
}

TEST_CASE("floats that are no extents are refused") {
  const auto depth = [](const char* value) {
    return inferred(
        "%i = input \"i\" : i64[n]\n%d = constant " + std::string(value) +
        " : f32[]\n%v = input \"v\" : f32[2]\n%y = one_hot(%i, %d, %v)\noutput \"y\" = %y");
  };
  CHECK(depth("5.0") == "f32[n, 5]");
  for (const char* bad : {"-1.0", "1e+30", "nan", "inf"}) {
    CHECK(depth(bad).find("RLX-E3202") != std::string::npos);
  }
  const char* proportion = R"(
    %x = input "x" : f32[1, 1, 2, 2]
    %s = constant [1, 1, 4611686018427387904, 4611686018427387904] : i64[4]
    %y = resize(%x, _, _, %s) {keep_aspect_ratio_policy = "not_smaller"}
    output "y" = %y)";
  CHECK(inferred(proportion).find("RLX-E") != std::string::npos);
}

}  // namespace rlx::test
