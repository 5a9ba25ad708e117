#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const Vec<float> kPoints = {-7.5F, -3, -1.5F, -1, -0.5F, -0.25F, 0, 0.25F,
                            0.5F,  1,  1.5F,  2,  2.5F,  3.5F,   7};

struct Unary {
  const char* node;
  double (*want)(double);
};

const Unary kUnary[] = {
    {"abs(%x)", [](double x) { return std::fabs(x); }},
    {"asinh(%x)", [](double x) { return std::asinh(x); }},
    {"ceil(%x)", [](double x) { return std::ceil(x); }},
    {"celu(%x) {alpha = 0.5}",
     [](double x) { return std::max(x, 0.0) + std::min(0.0, 0.5 * std::expm1(x / 0.5)); }},
    {"cos(%x)", [](double x) { return std::cos(x); }},
    {"cosh(%x)", [](double x) { return std::cosh(x); }},
    {"elu(%x) {alpha = 2.0}", [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }},
    {"erf(%x)", [](double x) { return std::erf(x); }},
    {"exp(%x)", [](double x) { return std::exp(x); }},
    {"floor(%x)", [](double x) { return std::floor(x); }},
    {"gelu(%x)", [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
    {"gelu(%x) {approximate = \"tanh\"}",
     [](double x) {
       return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
     }},
    {"hard_sigmoid(%x) {alpha = 0.5, beta = 0.25}",
     [](double x) { return std::min(1.0, std::max(0.0, 0.5 * x + 0.25)); }},
    {"hard_swish(%x)", [](double x) { return x * std::min(1.0, std::max(0.0, x / 6 + 0.5)); }},
    {"identity(%x)", [](double x) { return x; }},
    {"leaky_relu(%x) {alpha = 0.1}", [](double x) { return x < 0 ? 0.1 * x : x; }},
    {"neg(%x)", [](double x) { return -x; }},
    {"reciprocal(%x)", [](double x) { return 1 / x; }},
    {"relu(%x)", [](double x) { return std::max(x, 0.0); }},
    {"round(%x)", [](double x) { return std::nearbyint(x); }},
    {"selu(%x)",
     [](double x) {
       return 1.0507010221481323 * (x > 0 ? x : 1.6732631921768188 * std::expm1(x));
     }},
    {"shrink(%x) {bias = 0.5, lambd = 1.0}",
     [](double x) { return x < -1  ? x + 0.5
                           : x > 1 ? x - 0.5
                                   : 0; }},
    {"sigmoid(%x)", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"sign(%x)", [](double x) { return x > 0   ? 1.0
                                       : x < 0 ? -1.0
                                               : 0.0; }},
    {"sin(%x)", [](double x) { return std::sin(x); }},
    {"sinh(%x)", [](double x) { return std::sinh(x); }},
    {"softplus(%x)", [](double x) { return std::log1p(std::exp(x)); }},
    {"softsign(%x)", [](double x) { return x / (1 + std::fabs(x)); }},
    {"tan(%x)", [](double x) { return std::tan(x); }},
    {"tanh(%x)", [](double x) { return std::tanh(x); }},
    {"thresholded_relu(%x) {alpha = 1.0}", [](double x) { return x > 1 ? x : 0; }},
};

std::string unary_graph(const std::string& type, const std::string& node) {
  return "%x = input \"x\" : " + type + "\n%y = " + node + "\noutput \"y\" = %y";
}

std::string binary_graph(const std::string& left, const std::string& right,
                         const std::string& node) {
  return "%a = input \"a\" : " + left + "\n%b = input \"b\" : " + right + "\n%y = " + node +
         "\noutput \"y\" = %y";
}

struct Binary {
  const char* node;
  double (*want)(double, double);
};

const Binary kBinary[] = {
    {"add(%a, %b)", [](double a, double b) { return a + b; }},
    {"div(%a, %b)", [](double a, double b) { return a / b; }},
    {"max(%a, %b)", [](double a, double b) { return std::max(a, b); }},
    {"mean(%a, %b)", [](double a, double b) { return (a + b) / 2; }},
    {"min(%a, %b)", [](double a, double b) { return std::min(a, b); }},
    {"mod(%a, %b) {fmod = 1}", [](double a, double b) { return std::fmod(a, b); }},
    {"mul(%a, %b)", [](double a, double b) { return a * b; }},
    {"prelu(%a, %b)", [](double a, double b) { return a < 0 ? a * b : a; }},
    {"sub(%a, %b)", [](double a, double b) { return a - b; }},
    {"sum(%a, %b)", [](double a, double b) { return a + b; }},
};

}  // namespace

TEST_CASE("functions of one float") {
  const auto n = static_cast<int64_t>(kPoints.size());
  for (const Unary& op : kUnary) {
    INFO(op.node);
    Vec<float> want;
    Vec<double> wide(kPoints.begin(), kPoints.end());
    Vec<double> want_wide;
    for (float x : kPoints) {
      want.push_back(static_cast<float>(op.want(x)));
      want_wide.push_back(op.want(x));
    }
    CHECK(near(run(unary_graph("f32[n]", op.node), {f32({n}, kPoints)}), f32({n}, want), 2e-6));
    CHECK(near(run(unary_graph("f64[n]", op.node), {f64({n}, wide)}), f64({n}, want_wide), 1e-6));
  }
}

TEST_CASE("functions of positive floats") {
  const Tensor x = f32({4}, {0.25F, 1, 2, 100});
  CHECK(
      near(run(unary_graph("f32[4]", "sqrt(%x)"), {x}), f32({4}, {0.5F, 1, std::sqrt(2.0F), 10})));
  CHECK(near(run(unary_graph("f32[4]", "log(%x)"), {x}),
             f32({4}, {std::log(0.25F), 0, std::log(2.0F), std::log(100.0F)})));
}

TEST_CASE("functions of a range") {
  const Tensor x = f32({3}, {1, 1.5F, 100});
  CHECK(near(run(unary_graph("f32[3]", "acosh(%x)"), {x}),
             f32({3}, {0, std::acosh(1.5F), std::acosh(100.0F)})));
  const Tensor y = f32({4}, {-1, -0.5F, 0.25F, 2});
  CHECK(near(run(unary_graph("f32[4]", "atanh(%x)"), {y}),
             f32({4}, {-kInf, std::atanh(-0.5F), std::atanh(0.25F), kNan})));
}

TEST_CASE("functions of two floats, broadcast") {
  const Tensor a = f32({2, 1, 3}, {-2.5F, 1, 3, 4, -0.5F, 0.25F});
  const Tensor b = f32({2, 1}, {2, -3});
  for (const Binary& op : kBinary) {
    INFO(op.node);
    Vec<float> want;
    each_index({2, 2, 3}, [&](const Vec<int64_t>& i) {
      want.push_back(static_cast<float>(op.want(at(a, {i[0], 0, i[2]}), at(b, {i[1], 0}))));
    });
    CHECK(near(run(binary_graph("f32[n, 1, 3]", "f32[2, 1]", op.node), {a, b}),
               f32({2, 2, 3}, want)));
  }
}

TEST_CASE("integers divide towards zero, remainders take the divisor's sign") {
  const Tensor a = i32({4}, {7, -7, 7, -7});
  const Tensor b = i32({4}, {3, 3, -3, -3});
  const auto of = [&](const char* node) {
    return run(binary_graph("i32[4]", "i32[4]", node), {a, b});
  };
  CHECK(near(of("div(%a, %b)"), i32({4}, {2, -2, -2, 2})));
  CHECK(near(of("mod(%a, %b)"), i32({4}, {1, 2, -2, -1})));
  CHECK(near(of("mod(%a, %b) {fmod = 1}"), i32({4}, {1, -1, 1, -1})));
}

TEST_CASE("powers") {
  const auto of = [](const char* left, const char* right, const Tensor& a, const Tensor& b) {
    return run(binary_graph(left, right, "pow(%a, %b)"), {a, b});
  };
  CHECK(near(of("f32[4]", "f32[]", f32({4}, {1, 2, 3, 4}), f32({}, {2.5F})),
             f32({4}, {1, 5.656854F, 15.588457F, 32})));
  CHECK(near(of("f32[3]", "i64[3]", f32({3}, {-2, 2, 0}), i64({3}, {3, -1, 0})),
             f32({3}, {-8, 0.5F, 1})));
  CHECK(near(of("i64[4]", "i64[4]", i64({4}, {3, -1, 2, 0}), i64({4}, {39, 63, 62, 5})),
             i64({4}, {4052555153018976267, -1, int64_t{1} << 62, 0})));
  CHECK(near(of("i32[3]", "f32[3]", i32({3}, {9, 4, 10}), f32({3}, {3, 0.5F, -1})),
             i32({3}, {729, 2, 0})));
}

TEST_CASE("comparisons") {
  const Tensor a = f32({4}, {1, 2, kNan, -kInf});
  const Tensor b = f32({4}, {2, 2, kNan, 0});
  const auto of = [&](const std::string& op) {
    return run(binary_graph("f32[4]", "f32[4]", op + "(%a, %b)"), {a, b});
  };
  CHECK(near(of("equal"), bools({4}, {false, true, false, false})));
  CHECK(near(of("less"), bools({4}, {true, false, false, true})));
  CHECK(near(of("less_or_equal"), bools({4}, {true, true, false, true})));
  CHECK(near(of("greater"), bools({4}, {false, false, false, false})));
  CHECK(near(of("greater_or_equal"), bools({4}, {false, true, false, false})));
}

TEST_CASE("truths") {
  const Tensor a = bools({2, 1}, {false, true});
  const Tensor b = bools({2}, {false, true});
  const auto of = [&](const std::string& op) {
    return run(binary_graph("bool[2, 1]", "bool[2]", op + "(%a, %b)"), {a, b});
  };
  CHECK(near(of("and"), bools({2, 2}, {false, false, false, true})));
  CHECK(near(of("or"), bools({2, 2}, {false, true, true, true})));
  CHECK(near(of("xor"), bools({2, 2}, {false, true, true, false})));
  CHECK(near(of("equal"), bools({2, 2}, {true, false, false, true})));
  CHECK(near(run(unary_graph("bool[2]", "not(%x)"), {b}), bools({2}, {true, false})));
}

TEST_CASE("NaN and infinities") {
  const Tensor x = f32({5}, {1, kNan, kInf, -kInf, 0});
  const auto of = [&](const char* node) { return run(unary_graph("f32[5]", node), {x}); };
  CHECK(near(of("is_nan(%x)"), bools({5}, {false, true, false, false, false})));
  CHECK(near(of("is_inf(%x)"), bools({5}, {false, false, true, true, false})));
  CHECK(
      near(of("is_inf(%x) {detect_negative = 0}"), bools({5}, {false, false, true, false, false})));
  CHECK(
      near(of("is_inf(%x) {detect_positive = 0}"), bools({5}, {false, false, false, true, false})));
  CHECK(near(of("relu(%x)"), f32({5}, {1, kNan, kInf, 0, 0})));
  CHECK(near(of("sign(%x)"), f32({5}, {1, kNan, 1, -1, 0})));
}

TEST_CASE("any number of operands") {
  const char* graph = R"(
    %a = input "a" : i64[3]
    %b = input "b" : i64[]
    %c = input "c" : i64[2, 1]
    %y = max(%a, %b, %c)
    output "y" = %y)";
  CHECK(near(run(graph, {i64({3}, {1, 5, 9}), i64({}, {4}), i64({2, 1}, {0, 7})}),
             i64({2, 3}, {4, 5, 9, 7, 7, 9})));
  CHECK(near(run(unary_graph("f32[2]", "mean(%x)"), {f32({2}, {1, 2})}), f32({2}, {1, 2})));
}

TEST_CASE("casts") {
  const auto of = [](const char* type, const char* to, const Tensor& x) {
    return run(unary_graph(type, std::string("cast(%x) {to = ") + to + "}"), {x});
  };
  CHECK(near(of("f32[4]", "i32", f32({4}, {1.9F, -1.9F, 0, 100})), i32({4}, {1, -1, 0, 100})));
  CHECK(near(of("f32[3]", "bool", f32({3}, {0, 0.5F, -1})), bools({3}, {false, true, true})));
  CHECK(near(of("bool[2]", "f64", bools({2}, {false, true})), f64({2}, {0, 1})));
  CHECK(near(of("i64[2]", "f32", i64({2}, {-3, 7})), f32({2}, {-3, 7})));
}

TEST_CASE("clip") {
  const Tensor x = f32({4}, {-2, 0, 3, 9});
  const auto of = [&](const std::string& bounds) {
    return run(
        "%x = input \"x\" : f32[4]\n%l = constant -1.0 : f32[]\n%h = constant 4.0 : f32[]\n%y = "
        "clip(%x" +
            bounds + ")\noutput \"y\" = %y",
        {x});
  };
  CHECK(near(of(""), x));
  CHECK(near(of(", %l"), f32({4}, {-1, 0, 3, 9})));
  CHECK(near(of(", _, %h"), f32({4}, {-2, 0, 3, 4})));
  CHECK(near(of(", %l, %h"), f32({4}, {-1, 0, 3, 4})));
  // The upper bound wins.
  CHECK(near(of(", %h, %l"), f32({4}, {-1, -1, -1, -1})));
}

TEST_CASE("where") {
  const char* graph = R"(
    %c = input "c" : bool[2, 1]
    %a = input "a" : f64[3]
    %b = input "b" : f64[]
    %y = where(%c, %a, %b)
    output "y" = %y)";
  CHECK(near(run(graph, {bools({2, 1}, {true, false}), f64({3}, {1, 2, 3}), f64({}, {9})}),
             f64({2, 3}, {1, 2, 3, 9, 9, 9})));
}

TEST_CASE("broadcasting infers symbolic extents") {
  const auto of = [](const char* left, const char* right) {
    return inferred(binary_graph(left, right, "add(%a, %b)"));
  };
  CHECK(of("f32[n, 1]", "f32[4]") == "f32[n, 4]");
  CHECK(of("f32[n, 4]", "f32[n, 1]") == "f32[n, 4]");
  CHECK(of("f32[]", "f32[n]") == "f32[n]");
  CHECK(of("f32[0, 3]", "f32[1, 3]") == "f32[0, 3]");
  CHECK(of("f32[2]", "f32[3]").find("RLX-E3203") != std::string::npos);
  CHECK(of("f32[2]", "f64[2]").find("different element types") != std::string::npos);
}

}  // namespace rlx::test
