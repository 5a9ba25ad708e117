#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

// One node over x and the constants a, b, ..., given as "[1, 2] : i64[2]".
std::string view_graph(const std::string& type, const Vec<std::string>& constants,
                       const std::string& node) {
  std::string lines = "%x = input \"x\" : " + type + "\n";
  char name = 'a';
  for (const std::string& c : constants) {
    lines += std::string("%") + name++ + " = constant " + c + "\n";
  }
  return lines + "%y = " + node + "\noutput \"y\" = %y";
}

std::string vector(const Vec<int64_t>& elements) {
  std::string text = "[";
  for (int64_t e : elements) text += (text.size() == 1 ? "" : ", ") + std::to_string(e);
  return text + "] : i64[" + std::to_string(elements.size()) + "]";
}

}  // namespace

TEST_CASE("reshape") {
  const auto of = [](const std::string& type, const Vec<int64_t>& shape) {
    return inferred(view_graph(type, {vector(shape)}, "reshape(%x, %a)"));
  };
  CHECK(of("f32[n, 12, 4]", {0, -1}) == "f32[n, 48]");
  CHECK(of("f32[n, 6]", {-1, 2, 3}) == "f32[n, 2, 3]");
  CHECK(of("f32[2, 3]", {3, 2}) == "f32[3, 2]");
  CHECK(of("f32[1]", {}) == "f32[]");
  CHECK(of("f32[0, 4]", {0, 2, 2}) == "f32[0, 2, 2]");
  CHECK(of("f32[2, 3]", {4, 2}).find("RLX-E3203") != std::string::npos);
  CHECK(of("f32[2, 3]", {-1, -1}).find("more than one -1") != std::string::npos);
  CHECK(inferred("%x = input \"x\" : f32[4]\n%s = input \"s\" : i64[k]\n%y = reshape(%x, "
                 "%s)\noutput \"y\" = %y")
            .find("RLX-E4201") != std::string::npos);
  for (const Vec<int64_t>& shape :
       {Vec<int64_t>{24}, {6, 4}, {4, 6}, {2, 12}, {3, 2, 2, 2}, {1, 2, 1, 3, 4}, {8, 3}}) {
    Tensor want = counted({2, 3, 4});
    want.shape = shape;
    CHECK(near(
        run(view_graph("f32[2, 3, 4]", {vector(shape)}, "reshape(%x, %a)"), {counted({2, 3, 4})}),
        want));
  }
}

TEST_CASE("reshape to symbolic extents") {
  const char* text = R"(
    %x = input "x" : f32[b, s, 12]
    %h = shape(%x) {end = 2}
    %t = constant [3, 4] : i64[2]
    %c = concat(%h, %t)
    %y = reshape(%x, %c)
    output "y" = %y)";
  CHECK(inferred(text) == "f32[b, s, 3, 4]");
  Tensor want = counted({2, 5, 12});
  want.shape = {2, 5, 3, 4};
  CHECK(near(run(text, {counted({2, 5, 12})}), want));
}

TEST_CASE("flatten, squeeze, unsqueeze") {
  const auto of = [](const std::string& node, const std::string& axes = "[] : i64[0]") {
    return inferred(view_graph("f32[n, 1, 4, 1]", {axes}, node));
  };
  CHECK(of("flatten(%x)") == "f32[n, 4]");
  CHECK(of("flatten(%x) {axis = 0}") == "f32[1, n * 4]");
  CHECK(of("flatten(%x) {axis = 4}") == "f32[n * 4, 1]");
  CHECK(of("flatten(%x) {axis = -2}") == "f32[n, 4]");
  CHECK(of("squeeze(%x)") == "f32[n, 4]");
  CHECK(of("squeeze(%x, %a)", "[-1] : i64[1]") == "f32[n, 1, 4]");
  CHECK(of("squeeze(%x, %a)", "[2] : i64[1]").find("RLX-E3203") != std::string::npos);
  CHECK(of("unsqueeze(%x, %a)", "[0, -1] : i64[2]") == "f32[1, n, 1, 4, 1, 1]");
  CHECK(of("unsqueeze(%x, %a)", "[6] : i64[1]").find("RLX-E3201") != std::string::npos);
  Tensor want = counted({2, 4});
  CHECK(near(run(view_graph("f32[2, 1, 4]", {}, "squeeze(%x)"), {counted({2, 1, 4})}), want));
}

TEST_CASE("transpose") {
  const Tensor x = counted({2, 3, 4});
  const Vec<Vec<int64_t>> orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const Vec<int64_t>& p : orders) {
    Vec<int64_t> shape;
    for (int64_t axis : p) shape.push_back(x.shape[static_cast<size_t>(axis)]);
    Vec<float> want;
    each_index(shape, [&](const Vec<int64_t>& o) {
      Vec<int64_t> i(3);
      for (size_t k = 0; k < 3; ++k) i[static_cast<size_t>(p[k])] = o[k];
      want.push_back(at(x, i));
    });
    const std::string perm = vector(p).substr(0, vector(p).find(']') + 1);
    CHECK(near(run(view_graph("f32[a, 3, 4]", {}, "transpose(%x) {perm = " + perm + "}"), {x}),
               f32(shape, want)));
  }
  CHECK(inferred(view_graph("f32[a, b, c]", {}, "transpose(%x)")) == "f32[c, b, a]");
  CHECK(inferred(view_graph("f32[a, b]", {}, "transpose(%x) {perm = [0, 0]}")).find("RLX-E3201") !=
        std::string::npos);
}

TEST_CASE("slice") {
  const Tensor x = counted({2, 6});
  const auto of = [&](int64_t start, int64_t end, int64_t step) {
    return run(
        view_graph("f32[2, 6]", {vector({start}), vector({end}), vector({-1}), vector({step})},
                   "slice(%x, %a, %b, %c, %d)"),
        {x});
  };
  CHECK(near(of(1, 4, 1), f32({2, 3}, {1, 2, 3, 7, 8, 9})));
  CHECK(near(of(-2, INT64_MAX, 1), f32({2, 2}, {4, 5, 10, 11})));
  CHECK(near(of(0, 6, 4), f32({2, 2}, {0, 4, 6, 10})));
  CHECK(near(of(-1, INT64_MIN, -2), f32({2, 3}, {5, 3, 1, 11, 9, 7})));
  CHECK(near(of(4, 1, 1), f32({2, 0}, {})));
  CHECK(near(of(-100, 2, 1), f32({2, 2}, {0, 1, 6, 7})));
  CHECK(near(run(view_graph("f32[2, 6]", {vector({1}), vector({2})}, "slice(%x, %a, %b)"), {x}),
             f32({1, 6}, {6, 7, 8, 9, 10, 11})));
}

TEST_CASE("slice of symbolic extents") {
  const auto of = [](int64_t start, int64_t end, int64_t step) {
    return inferred(view_graph("f32[n]",
                               {vector({start}), vector({end}), vector({0}), vector({step})},
                               "slice(%x, %a, %b, %c, %d)"));
  };
  CHECK(of(0, INT64_MAX, 1) == "f32[n]");
  CHECK(of(-1, INT64_MAX, 1) == "f32[min(n, 1)]");
  CHECK(of(0, -1, 1) == "f32[max(0, n - 1)]");
  CHECK(of(-1, INT64_MIN, -1) == "f32[n]");
  CHECK(of(0, 4, 1) == "f32[min(n, 4)]");
  CHECK(of(0, INT64_MAX, 0).find("a step is 0") != std::string::npos);
}

TEST_CASE("concat and split") {
  const char* text = R"(
    %a = input "a" : f32[2, n]
    %b = input "b" : f32[2, 1]
    %y = concat(%a, %b, %a) {axis = -1}
    output "y" = %y)";
  CHECK(inferred(text) == "f32[2, n * 2 + 1]");
  CHECK(near(run(text, {f32({2, 2}, {1, 2, 3, 4}), f32({2, 1}, {9, 8})}),
             f32({2, 5}, {1, 2, 9, 1, 2, 3, 4, 8, 3, 4})));
  auto parts = graph_of(R"(
    %x = input "x" : f32[5, 2]
    %p = constant [3, 0, 2] : i64[3]
    %a, %b, %c = split(%x, %p)
    %d, %e = split(%x) {num_outputs = 2}
    output "a" = %a
    output "b" = %b
    output "c" = %c
    output "e" = %e)");
  REQUIRE(parts.ok());
  auto out = interpret(*parts, {counted({5, 2})});
  REQUIRE(out.ok());
  CHECK(near((*out)[0], f32({3, 2}, {0, 1, 2, 3, 4, 5})));
  CHECK(near((*out)[1], f32({0, 2}, {})));
  CHECK(near((*out)[2], f32({2, 2}, {6, 7, 8, 9})));
  CHECK(near((*out)[3], f32({2, 2}, {6, 7, 8, 9})));
}

TEST_CASE("expand and tile") {
  const Tensor x = f32({2, 1}, {1, 2});
  CHECK(near(run(view_graph("f32[2, 1]", {vector({3, 1, 2})}, "expand(%x, %a)"), {x}),
             f32({3, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2})));
  CHECK(near(run(view_graph("f32[2, 1]", {vector({1})}, "expand(%x, %a)"), {x}), x));
  CHECK(near(run(view_graph("f32[2, 1]", {vector({2, 3})}, "tile(%x, %a)"), {x}),
             f32({4, 3}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2})));
  CHECK(inferred(view_graph("f32[n, 1]", {vector({1, 4})}, "expand(%x, %a)")) == "f32[n, 4]");
}

TEST_CASE("pad") {
  const Tensor x = f32({1, 3}, {1, 2, 3});
  const auto of = [&](const std::string& mode, const Vec<int64_t>& pads) {
    return run(view_graph("f32[1, 3]", {vector(pads)}, "pad(%x, %a) {mode = \"" + mode + "\"}"),
               {x});
  };
  CHECK(near(of("constant", {0, 1, 1, 2}), f32({2, 6}, {0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0})));
  CHECK(near(of("edge", {0, 1, 0, 2}), f32({1, 6}, {1, 1, 2, 3, 3, 3})));
  CHECK(near(of("reflect", {0, 2, 0, 1}), f32({1, 6}, {3, 2, 1, 2, 3, 2})));
  CHECK(near(of("wrap", {0, 2, 0, 1}), f32({1, 6}, {2, 3, 1, 2, 3, 1})));
  CHECK(near(of("constant", {0, -1, 0, 1}), f32({1, 3}, {2, 3, 0})));
  const std::string five = "5.0 : f32[]";
  CHECK(near(
      run(view_graph("f32[1, 3]", {vector({1, 0}), five, vector({1})}, "pad(%x, %a, %b, %c)"), {x}),
      f32({1, 4}, {5, 1, 2, 3})));
  const char* computed = R"(
    %x = input "x" : f32[2]
    %c = input "c" : f32[]
    %p = constant [1, 1] : i64[2]
    %y = pad(%x, %p, %c)
    output "y" = %y)";
  CHECK(near(run(computed, {f32({2}, {1, 2}), f32({}, {7})}), f32({4}, {7, 1, 2, 7})));
}

TEST_CASE("triangles") {
  const Tensor x = counted({3, 3});
  CHECK(near(run(view_graph("f32[3, 3]", {}, "trilu(%x)"), {x}),
             f32({3, 3}, {0, 1, 2, 0, 4, 5, 0, 0, 8})));
  CHECK(near(run(view_graph("f32[3, 3]", {"-1 : i64[]"}, "trilu(%x, %a) {upper = 0}"), {x}),
             f32({3, 3}, {0, 0, 0, 3, 0, 0, 6, 7, 0})));
}

TEST_CASE("blocks of pixels and channels") {
  const Tensor x = counted({1, 4, 1, 2});
  CHECK(near(run(view_graph("f32[1, 4, 1, 2]", {}, "depth_to_space(%x) {blocksize = 2}"), {x}),
             f32({1, 1, 2, 4}, {0, 2, 1, 3, 4, 6, 5, 7})));
  const Tensor image = f32({1, 1, 2, 4}, {0, 2, 1, 3, 4, 6, 5, 7});
  CHECK(near(run(view_graph("f32[1, 1, 2, 4]", {}, "space_to_depth(%x) {blocksize = 2}"), {image}),
             x));
  const Tensor two = counted({1, 8, 1, 1});
  CHECK(near(
      run(view_graph("f32[1, 8, 1, 1]", {}, "depth_to_space(%x) {blocksize = 2, mode = \"CRD\"}"),
          {two}),
      f32({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7})));
}

}  // namespace rlx::test
