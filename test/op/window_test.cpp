#include <array>

#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

struct Geometry {
  int64_t stride = 1, dilation = 1, pad_lo = 0, pad_hi = 0, group = 1;
};

int64_t out_extent(int64_t in, int64_t kernel, const Geometry& g) {
  return (in + g.pad_lo + g.pad_hi - (kernel - 1) * g.dilation - 1) / g.stride + 1;
}

bool inside(const Tensor& x, int64_t h, int64_t w) {
  return h >= 0 && h < x.shape[2] && w >= 0 && w < x.shape[3];
}

// Calls f(h, w, kh, kw) for the elements of x under the window at (oh, ow).
template <class F>
void under_window(const Tensor& x, int64_t kernel, const Geometry& g, int64_t oh, int64_t ow, F f) {
  for (int64_t kh = 0; kh < kernel; ++kh) {
    for (int64_t kw = 0; kw < kernel; ++kw) {
      const int64_t h = oh * g.stride + kh * g.dilation - g.pad_lo;
      const int64_t w = ow * g.stride + kw * g.dilation - g.pad_lo;
      if (inside(x, h, w)) f(h, w, kh, kw);
    }
  }
}

Tensor convolved(const Tensor& x, const Tensor& w, const Tensor& b, const Geometry& g) {
  const int64_t kernel = w.shape[2];
  const Vec<int64_t> shape = {x.shape[0], w.shape[0], out_extent(x.shape[2], kernel, g),
                              out_extent(x.shape[3], kernel, g)};
  Vec<float> out;
  each_index(shape, [&](const Vec<int64_t>& o) {
    double sum = at(b, {o[1]});
    const int64_t first = o[1] / (w.shape[0] / g.group) * w.shape[1];
    for (int64_t c = 0; c < w.shape[1]; ++c) {
      under_window(x, kernel, g, o[2], o[3], [&](int64_t h, int64_t v, int64_t kh, int64_t kw) {
        sum += double{at(x, {o[0], first + c, h, v})} * at(w, {o[1], c, kh, kw});
      });
    }
    out.push_back(static_cast<float>(sum));
  });
  return f32(shape, out);
}

std::string attributes(const Geometry& g) {
  const auto twice = [](int64_t a, int64_t b) {
    return "[" + std::to_string(a) + ", " + std::to_string(b) + "]";
  };
  const std::string pads = "[" + std::to_string(g.pad_lo) + ", " + std::to_string(g.pad_lo) + ", " +
                           std::to_string(g.pad_hi) + ", " + std::to_string(g.pad_hi) + "]";
  return "strides = " + twice(g.stride, g.stride) +
         ", dilations = " + twice(g.dilation, g.dilation) + ", pads = " + pads;
}

std::string type_of(const Tensor& t) {
  std::string text = "f32[";
  for (size_t i = 0; i < t.shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(t.shape[i]);
  }
  return text + "]";
}

std::string pool_graph(const Tensor& x, const std::string& node) {
  return "%x = input \"x\" : " + type_of(x) + "\n%y = " + node + "\noutput \"y\" = %y";
}

}  // namespace

TEST_CASE("convolutions") {
  const Geometry geometries[] = {{},
                                 {.pad_lo = 1, .pad_hi = 1},
                                 {.stride = 2, .pad_lo = 1},
                                 {.stride = 2, .dilation = 2, .pad_lo = 2, .pad_hi = 1}};
  // Groups of several channels, one channel each with and without a multiplier, all in one.
  for (auto [in, out, group] :
       {std::array{4, 6, 1}, std::array{4, 6, 2}, std::array{4, 4, 4}, std::array{3, 6, 3}}) {
    for (Geometry g : geometries) {
      g.group = group;
      const Tensor x = random_f32({2, in, 7, 8}, 1);
      const Tensor w = random_f32({out, in / group, 3, 3}, 2);
      const Tensor b = random_f32({out}, 3);
      const std::string graph = "%x = input \"x\" : f32[n, " + std::to_string(in) +
                                ", 7, 8]\n%w = input \"w\" : " + type_of(w) +
                                "\n%b = input \"b\" : " + type_of(b) + "\n%y = conv(%x, %w, %b) {" +
                                attributes(g) + ", group = " + std::to_string(group) +
                                "}\noutput \"y\" = %y";
      INFO(graph);
      CHECK(near(run(graph, {x, w, b}), convolved(x, w, b, g)));
    }
  }
}

namespace {

// Each element of x adds its window to the output.
Tensor spread(const Tensor& x, const Tensor& w, const Geometry& g, const Vec<int64_t>& shape) {
  Vec<double> sums(static_cast<size_t>(shape[0] * shape[1] * shape[2] * shape[3]));
  each_index(x.shape, [&](const Vec<int64_t>& i) {
    const int64_t group = i[1] / (w.shape[0] / g.group);
    each_index({w.shape[1], w.shape[2], w.shape[3]}, [&](const Vec<int64_t>& k) {
      const int64_t c = group * w.shape[1] + k[0];
      const int64_t h = i[2] * g.stride + k[1] * g.dilation - g.pad_lo;
      const int64_t v = i[3] * g.stride + k[2] * g.dilation - g.pad_lo;
      if (h < 0 || h >= shape[2] || v < 0 || v >= shape[3]) return;
      const int64_t place = ((i[0] * shape[1] + c) * shape[2] + h) * shape[3] + v;
      sums[static_cast<size_t>(place)] += double{at(x, i)} * at(w, {i[1], k[0], k[1], k[2]});
    });
  });
  return f32(shape, Vec<float>(sums.begin(), sums.end()));
}

int64_t spread_extent(int64_t in, int64_t kernel, const Geometry& g, int64_t more) {
  return (in - 1) * g.stride + (kernel - 1) * g.dilation + 1 + more - g.pad_lo - g.pad_hi;
}

}  // namespace

TEST_CASE("transposed convolutions") {
  struct Case {
    int64_t kernel;
    Geometry g;
    int64_t more = 0;
  };
  // Windows of whole strides and of others, with gaps between them, and dilations that share a factor with the
  // stride or not.
  const Case cases[] = {{3, {}},
                        {4, {.stride = 2, .pad_lo = 1, .pad_hi = 1}},
                        {2, {.stride = 2}},
                        {3, {.stride = 2, .pad_lo = 1, .pad_hi = 1}, 1},
                        {3, {.stride = 2, .pad_hi = 1}},
                        {1, {.stride = 3}},
                        {5, {.stride = 3, .pad_lo = 2}},
                        {3, {.stride = 2, .dilation = 2, .pad_lo = 1}, 1},
                        {3, {.stride = 2, .dilation = 3, .pad_lo = 2}},
                        {4, {.stride = 4, .dilation = 6, .pad_lo = 1}, 2}};
  for (auto [in, out, group] : {std::array{4, 6, 1}, std::array{4, 6, 2}, std::array{4, 4, 4},
                                std::array{3, 6, 3}, std::array{5, 16, 1}}) {
    for (Case c : cases) {
      c.g.group = group;
      const Tensor x = random_f32({2, in, 4, 5}, 1);
      const Tensor w = random_f32({in, out / group, c.kernel, c.kernel}, 2);
      const std::string more = std::to_string(c.more);
      const std::string node = "conv_transpose(%x, %w) {" + attributes(c.g) +
                               ", output_padding = [" + more + ", " + more +
                               "], group = " + std::to_string(group) + "}";
      const Vec<int64_t> shape = {2, out, spread_extent(4, c.kernel, c.g, c.more),
                                  spread_extent(5, c.kernel, c.g, c.more)};
      for (const bool open : {false, true}) {
        const std::string graph =
            "%x = input \"x\" : f32[n, " + std::to_string(in) + (open ? ", h, w]" : ", 4, 5]") +
            "\n%w = input \"w\" : " + type_of(w) + "\n%y = " + node + "\noutput \"y\" = %y";
        INFO(graph);
        CHECK(near(run(graph, {x, w}), spread(x, w, c.g, shape)));
      }
    }
  }
}

TEST_CASE("what no weight meets in a transposed convolution is not multiplied") {
  // Element 1 of the output is that of x alone that the middle of the window meets.
  const char* text = R"(
    %x = input "x" : f32[1, 1, 2]
    %w = constant [1.0, 2.0, 3.0] : f32[1, 1, 3]
    %y = conv_transpose(%x, %w) {strides = [2], pads = [0, 1]}
    output "y" = %y)";
  const float inf = INFINITY;
  CHECK(near(run(text, {f32({1, 1, 2}, {inf, 1})}), f32({1, 1, 4}, {inf, inf, inf, 2})));
}

TEST_CASE("transposed convolutions infer extents") {
  const auto of = [](const std::string& x, const std::string& a) {
    return inferred("%x = input \"x\" : " + x +
                    "\n%w = input \"w\" : f32[4, 8, 3, 3]\n%y = conv_transpose(%x, %w) {" + a +
                    "}\noutput \"y\" = %y");
  };
  CHECK(of("f32[n, 4, h, 9]", "strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]") ==
        "f32[n, 8, h * 2, 18]");
  CHECK(of("f32[n, 4, h, 9]", "strides = [2, 2]") == "f32[n, 8, h * 2 + 1, 19]");
  CHECK(of("f32[n, 4, h, 9]", "strides = [2, 2], auto_pad = \"SAME_UPPER\"") ==
        "f32[n, 8, h * 2, 18]");
  CHECK(of("f32[n, 4, 9, 9]", "strides = [4, 4], auto_pad = \"SAME_LOWER\"") ==
        "f32[n, 8, 35, 35]");
  CHECK(of("f32[n, 4, h, 9]", "output_shape = [12, 9]") == "f32[n, 8, 12, 9]");
  CHECK(of("f32[n, 4, 9, 9]", "group = 2") == "f32[n, 16, 11, 11]");
  CHECK(of("f32[n, 4, 9, 9]", "group = 3").find("RLX-E") != std::string::npos);
  CHECK(of("f32[n, 5, 9, 9]", "group = 1").find("RLX-E3203") != std::string::npos);
  CHECK(of("f32[n, 4, 9, 9]", "output_padding = [1]").find("RLX-E3201") != std::string::npos);
  CHECK(of("f32[n, 4, 9, 9]", "output_shape = [1]").find("RLX-E3201") != std::string::npos);
  CHECK(of("f32[n, 4, 9, 9]", "auto_pad = \"LOWER\"").find("RLX-E3201") != std::string::npos);
}

TEST_CASE("convolutions infer symbolic extents") {
  const auto of = [](const std::string& x, const std::string& a) {
    return inferred("%x = input \"x\" : " + x +
                    "\n%w = input \"w\" : f32[8, 4, 3, 3]\n%y = conv(%x, %w) {" + a +
                    "}\noutput \"y\" = %y");
  };
  CHECK(of("f32[n, 4, h, w]", "pads = [1, 1, 1, 1]") == "f32[n, 8, h, w]");
  CHECK(of("f32[n, 4, h, 8]", "auto_pad = \"SAME_UPPER\"") == "f32[n, 8, h, 8]");
  CHECK(of("f32[n, 4, 9, 9]", "auto_pad = \"SAME_LOWER\", strides = [2, 2]") == "f32[n, 8, 5, 5]");
  CHECK(of("f32[n, 4, 9, 9]", "auto_pad = \"VALID\"") == "f32[n, 8, 7, 7]");
  CHECK(of("f32[n, 5, 9, 9]", "group = 1").find("RLX-E3203") != std::string::npos);
  CHECK(of("f32[n, 4, 9, 9]", "pads = [1]").find("RLX-E3201") != std::string::npos);
}

TEST_CASE("pools") {
  const Tensor x = random_f32({1, 2, 7, 8});
  for (const Geometry& g : {Geometry{}, Geometry{.stride = 2, .pad_lo = 1, .pad_hi = 1},
                            Geometry{.stride = 2, .dilation = 2, .pad_lo = 2}}) {
    const Vec<int64_t> shape = {1, 2, out_extent(7, 3, g), out_extent(8, 3, g)};
    Vec<float> most;
    Vec<float> mean;
    Vec<float> mean_padded;
    each_index(shape, [&](const Vec<int64_t>& o) {
      double best = -INFINITY;
      double sum = 0;
      int count = 0;
      under_window(x, 3, g, o[2], o[3], [&](int64_t h, int64_t w, int64_t, int64_t) {
        const double e = at(x, {0, o[1], h, w});
        best = std::max(best, e);
        sum += e;
        ++count;
      });
      most.push_back(static_cast<float>(best));
      mean.push_back(static_cast<float>(sum / count));
      mean_padded.push_back(static_cast<float>(sum / 9));
    });
    const std::string a = " {kernel_shape = [3, 3], " + attributes(g);
    INFO(a);
    CHECK(near(run(pool_graph(x, "max_pool(%x)" + a + "}"), {x}), f32(shape, most)));
    CHECK(near(run(pool_graph(x, "average_pool(%x)" + a + "}"), {x}), f32(shape, mean)));
    CHECK(near(run(pool_graph(x, "average_pool(%x)" + a + ", count_include_pad = 1}"), {x}),
               f32(shape, mean_padded)));
  }
}

TEST_CASE("a rounded-up pool leaves no window in the padding alone") {
  const Tensor x = f32({1, 1, 4}, {1, 2, 3, 4});
  const auto of = [&](const std::string& pool) {
    return run("%x = input \"x\" : f32[1, 1, 4]\n%y = " + pool +
                   "(%x) {kernel_shape = [2], strides = [3], ceil_mode = 1}\noutput \"y\" = %y",
               {x});
  };
  CHECK(near(of("max_pool"), f32({1, 1, 2}, {2, 4})));
  CHECK(near(of("average_pool"), f32({1, 1, 2}, {1.5F, 4})));
}

TEST_CASE("max_pool tells places") {
  auto g = graph_of(R"(
    %x = input "x" : f32[1, 2, 2, 3]
    %y, %i = max_pool(%x) {kernel_shape = [2, 2]}
    output "i" = %i)");
  REQUIRE(g.ok());
  auto out = interpret(*g, {f32({1, 2, 2, 3}, {0, 1, 2, 5, 4, 3, 9, 8, 9, 0, 0, 0})});
  REQUIRE(out.ok());
  CHECK(near((*out)[0], i64({1, 2, 1, 2}, {3, 4, 6, 8})));
}

TEST_CASE("global pools") {
  const Tensor x = f32({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 12});
  CHECK(near(run(pool_graph(x, "global_average_pool(%x)"), {x}), f32({1, 2, 1, 1}, {2.5F, 7.5F})));
  CHECK(near(run(pool_graph(x, "global_max_pool(%x)"), {x}), f32({1, 2, 1, 1}, {4, 12})));
}

}  // namespace rlx::test
