// What quantises: ends, halves, and what is refused.
#include <catch2/catch.hpp>

#include <limits>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

std::string quantised(const std::string& inputs, const std::string& node) {
  return inputs + "\n%y = " + node + "\noutput \"y\" = %y";
}

const char* const kBytes = "%a = input \"a\" : u8[2, 3]\n%b = input \"b\" : i8[3, 4]\n";

std::string product_of(const std::string& zero, const std::string& operands) {
  return inferred(
      quantised(kBytes + ("%z = input \"z\" : " + zero), "matmul_integer(" + operands + ")"));
}

}  // namespace

TEST_CASE("quantize_linear rounds halves to even, and ends where its type ends") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string text =
      quantised("%x = input \"x\" : f32[10]\n%s = input \"s\" : f32[]\n%z = constant 3 : u8[]",
                "quantize_linear(%x, %s, %z)");
  const Tensor x = f32({10}, {1, 3, 5, -1, -7, -9, 504, 506, inf, nan});
  const Tensor got = run(text, {x, f32({}, {2})});
  CHECK(got.as<uint8_t>() == Vec<uint8_t>{3, 5, 5, 3, 0, 0, 255, 255, 255, 0});
}

TEST_CASE("quantize_linear refuses what does not fit") {
  const auto fault = [](const std::string& zero, const std::string& node) {
    return inferred(quantised(
        "%x = input \"x\" : f32[4]\n%s = input \"s\" : f32[]\n%z = constant 1 : " + zero, node));
  };
  const std::string plain = "quantize_linear(%x, %s, %z)";
  CHECK_THAT(fault("u4[]", plain), Catch::Contains("RLX-E4202"));
  CHECK_THAT(fault("i32[]", plain), Catch::Contains("RLX-E3202"));
  CHECK_THAT(fault("i8[3]", plain + " {axis = 0}"), Catch::Contains("RLX-E"));
  CHECK_THAT(fault("i8[]", plain + " {output_dtype = 2}"), Catch::Contains("RLX-E3202"));
  CHECK_THAT(fault("i8[]", "quantize_linear(%x, %s) {output_dtype = 17}"),
             Catch::Contains("floats of 8 bits"));
  CHECK(fault("i8[]", plain + " {output_dtype = 3}") == "i8[4]");
}

TEST_CASE("matmul_integer has a zero point for each row of a and each column of b") {
  CHECK(product_of("i8[4]", "%a, %b, _, %z") == "i32[2, 4]");
  CHECK(product_of("i8[1, 4]", "%a, %b, _, %z") == "i32[2, 4]");
  CHECK(product_of("u8[2]", "%a, %b, %z") == "i32[2, 4]");
  CHECK(product_of("u8[2, 1]", "%a, %b, %z") == "i32[2, 4]");
  for (const char* zero : {"u8[4]", "i8[3]", "i8[3, 1]", "i8[3, 4]"}) {
    INFO(zero);
    CHECK_THAT(product_of(zero, "%a, %b, _, %z"), Catch::Contains("RLX-E3"));
  }
  for (const char* zero : {"u8[3]", "u8[1, 3]", "i8[2]"}) {
    INFO(zero);
    CHECK_THAT(product_of(zero, "%a, %b, %z"), Catch::Contains("RLX-E3"));
  }
}

TEST_CASE("conv_integer refuses zero points and biases that do not fit") {
  const auto fault = [](const std::string& given, const std::string& operands) {
    return inferred(
        quantised("%x = input \"x\" : u8[1, 4, 5]\n%w = input \"w\" : i8[6, 4, 3]\n"
                  "%g = input \"g\" : " +
                      given,
                  "conv_integer(" + operands + ")"));
  };
  CHECK(fault("i8[6]", "%x, %w, _, %g") == "i32[1, 6, 3]");
  CHECK(fault("i32[6]", "%x, %w, _, _, %g") == "i32[1, 6, 3]");
  CHECK_THAT(fault("i8[4]", "%x, %w, _, %g"), Catch::Contains("RLX-E"));
  CHECK_THAT(fault("u8[6]", "%x, %w, _, %g"), Catch::Contains("RLX-E3202"));
  CHECK_THAT(fault("u8[4]", "%x, %w, %g"), Catch::Contains("RLX-E3202"));
  CHECK_THAT(fault("i8[6]", "%x, %w, _, _, %g"), Catch::Contains("RLX-E3202"));
}

TEST_CASE("scatter_nd: of several updates of one place the last one counts, or all in order") {
  const auto scattered = [](const std::string& reduction) {
    const std::string text = quantised(
        "%d = input \"d\" : f32[2, 2]\n%i = constant [0, 1, 0, -1, 1, 0] : i64[3, 2]\n"
        "%u = input \"u\" : f32[3]",
        "scatter_nd(%d, %i, %u) {reduction = \"" + reduction + "\"}");
    return run(text, {f32({2, 2}, {1, 2, 3, 4}), f32({3}, {5, -6, 7})});
  };
  CHECK(near(scattered("none"), f32({2, 2}, {1, -6, 7, 4})));
  CHECK(near(scattered("add"), f32({2, 2}, {1, 1, 10, 4})));
  CHECK(near(scattered("mul"), f32({2, 2}, {1, -60, 21, 4})));
  CHECK(near(scattered("max"), f32({2, 2}, {1, 5, 7, 4})));
  CHECK(near(scattered("min"), f32({2, 2}, {1, -6, 3, 4})));
}

}  // namespace rlx::test
