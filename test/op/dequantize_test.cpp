#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

std::string dequantized(const std::string& x, const std::string& scale, const std::string& node) {
  return "%x = constant " + x + "\n%s = input \"s\" : " + scale + "\n%y = " + node +
         "\noutput \"y\" = %y";
}

}  // namespace

TEST_CASE("dequantize_linear of 4 bits by blocks") {
  // The last block of 3 has one row.
  const char* text = R"(
    %x = constant [1, -2, 3, 7, -8, 0, 2, 1] : i4[4, 2]
    %s = input "s" : f32[2, 2]
    %z = constant [1, 2, -3, 0] : i4[2, 2]
    %y = dequantize_linear(%x, %s, %z) {axis = 0, block_size = 3}
    output "y" = %y)";
  CHECK(near(run(text, {f32({2, 2}, {0.5, 2, 1, -0.25})}),
             f32({4, 2}, {0, -8, 1, 10, -4.5, -4, 5, -0.25})));
}

TEST_CASE("dequantize_linear by axis and by tensor") {
  CHECK(
      near(run(dequantized("[0, 15, 3, 8, 7, 1] : u4[2, 3]", "f32[3]", "dequantize_linear(%x, %s)"),
               {f32({3}, {1, 2, 0.5})}),
           f32({2, 3}, {0, 30, 1.5, 8, 14, 0.5})));
  CHECK(near(run(dequantized("[-8, 7, 3] : i4[3]", "f32[]", "dequantize_linear(%x, %s)"),
                 {f32({}, {0.5})}),
             f32({3}, {-4, 3.5, 1.5})));
  CHECK(near(
      run(dequantized("[-128, 127] : i8[2, 1]", "f32[2]", "dequantize_linear(%x, %s) {axis = -2}"),
          {f32({2}, {1, 2})}),
      f32({2, 1}, {-128, 254})));
  CHECK(near(run(dequantized("[2000000000, -3] : i32[2]", "f32[1]", "dequantize_linear(%x, %s)"),
                 {f32({1}, {0.5})}),
             f32({2}, {1e9, -1.5})));
}

TEST_CASE("dequantize_linear refuses what does not fit") {
  const auto fault = [](const std::string& x, const std::string& scale, const std::string& node) {
    return inferred(dequantized(x, scale, node)).find("RLX-E320") != std::string::npos;
  };
  CHECK(fault("1 : u4[4, 2]", "f32[3]", "dequantize_linear(%x, %s)"));
  CHECK(fault("1 : u4[4, 2]", "f32[2, 2]", "dequantize_linear(%x, %s)"));
  CHECK(fault("1 : u4[4, 2]", "f32[3, 2]", "dequantize_linear(%x, %s) {axis = 0, block_size = 2}"));
  CHECK(fault("1 : u4[4, 2]", "i32[2]", "dequantize_linear(%x, %s)"));
}

TEST_CASE("numbers of 4 bits are cast and dequantised alone") {
  const auto fault = [](const std::string& node) {
    return inferred(dequantized("1 : u4[4]", "f32[]", node));
  };
  CHECK_THAT(fault("add(%x, %x)"), Catch::Contains("elements of type u4 in input 0"));
  CHECK_THAT(fault("reshape(%s, %x)"), Catch::Contains("RLX-E"));
  CHECK_THAT(fault("cast(%s) {to = i4}"), Catch::Contains("RLX-E4202"));
  CHECK(inferred("%x = input \"x\" : u4[4]\n%y = cast(%x) {to = f32}\noutput \"y\" = %y")
            .find("has elements of type u4") != std::string::npos);
}

}  // namespace rlx::test
