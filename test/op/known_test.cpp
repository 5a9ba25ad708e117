#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

// The elements of the last line's value, where %s is the shape [n, 4, m] and others as named.
std::string solved(const std::string& lines) {
  return known(
      "symbol n = input 0 axis 0\nsymbol m = input 0 axis 2\n%x = input \"x\" : f32[n, 4, m]\n%s = "
      "shape(%x)\n" +
      std::string("%zero = constant [0] : i64[1]\n%one = constant [1] : i64[1]\n%two = constant "
                  "[2] : i64[1]\n"
                  "%i0 = constant 0 : i64[]\n%i2 = constant 2 : i64[]\n") +
      lines + "\noutput \"y\" = %y");
}

}  // namespace

TEST_CASE("shapes and their parts") {
  CHECK(solved("%y = shape(%x)") == "[n, 4, m]");
  CHECK(solved("%y = shape(%x) {start = 1}") == "[4, m]");
  CHECK(solved("%y = shape(%x) {start = -1, end = 7}") == "[m]");
  CHECK(solved("%y = shape(%x) {start = 2, end = 1}") == "[]");
  CHECK(solved("%y = size(%x)") == "[m * n * 4]");
  CHECK(solved("%y = gather(%s, %i2)") == "[m]");
  CHECK(solved("%y = gather(%s, %zero)") == "[n]");
  CHECK(solved("%y = slice(%s, %one, %two)") == "[4]");
  CHECK(solved("%m = constant [-1] : i64[1]\n%e = constant [-9] : i64[1]\n%y = slice(%s, %m, %e, "
               "%zero, %m)") == "[m, 4, n]");
  CHECK(solved("%y, %z = split(%s) {num_outputs = 2}") == "[n, 4]");
}

TEST_CASE("shapes put together") {
  CHECK(solved("%y = concat(%two, %s, %zero)") == "[2, n, 4, m, 0]");
  CHECK(solved("%g = gather(%s, %i0)\n%y = unsqueeze(%g, %zero)") == "[n]");
  CHECK(solved("%g = gather(%s, %zero)\n%y = squeeze(%g)") == "[n]");
  CHECK(solved("%y = identity(%s)") == "[n, 4, m]");
  CHECK(solved("%y = transpose(%s)") == "[n, 4, m]");
  CHECK(solved("%g = gather(%s, %i0)\n%y = expand(%g, %two)") == "[n, n]");
  CHECK(solved("%c = cast(%s) {to = i32}\n%y = cast(%c) {to = i64}") == "[n, 4, m]");
  CHECK(solved("%l = constant 7 : i64[]\n%y = range(%i0, %l, %i2)") == "[0, 2, 4, 6]");
}

TEST_CASE("arithmetic on extents") {
  CHECK(solved("%y = add(%s, %two)") == "[n + 2, 6, m + 2]");
  CHECK(solved("%y = sub(%s, %two)") == "[n - 2, 2, m - 2]");
  CHECK(solved("%y = mul(%s, %s)") == "[n * n, 16, m * m]");
  CHECK(solved("%y = div(%s, %two)") == "[n floordiv 2, 2, m floordiv 2]");
  CHECK(solved("%y = mod(%s, %two)") == "[n mod 2, 0, m mod 2]");
  CHECK(solved("%y = min(%s, %two)") == "[min(n, 2), 2, min(m, 2)]");
  CHECK(solved("%y = max(%s, %one, %zero)") == "[max(n, 1), 4, max(m, 1)]");
  CHECK(solved("%y = max(%s, %zero)") == "[n, 4, m]");
  CHECK(solved("%y = neg(%s)") == "[-n, -4, -m]");
  CHECK(solved("%t = neg(%s)\n%y = abs(%t)") == "[n, 4, m]");
  CHECK(solved("%y = sum(%s, %s, %one)") == "[n * 2 + 1, 9, m * 2 + 1]");
}

TEST_CASE("comparisons of extents that hold for all sizes") {
  CHECK(solved("%y = equal(%s, %s)") == "[1, 1, 1]");
  CHECK(solved("%m = constant [-1] : i64[1]\n%y = equal(%s, %m)") == "[0, 0, 0]");
  CHECK(solved("%y = equal(%s, %two)") == "unknown");
  CHECK(solved("%y = greater_or_equal(%s, %zero)") == "[1, 1, 1]");
  CHECK(solved("%y = less(%s, %zero)") == "[0, 0, 0]");
  // An extent may be 0.
  CHECK(solved("%y = greater(%s, %zero)") == "unknown");
  CHECK(solved("%y = less(%s, %two)") == "unknown");
  CHECK(solved("%e = equal(%s, %s)\n%y = not(%e)") == "[0, 0, 0]");
}

TEST_CASE("the -1 of a dynamic expand is replaced") {
  CHECK(solved("%m = constant [-1, 2, -1] : i64[3]\n%n1 = constant [-1] : i64[1]\n%e = equal(%m, "
               "%n1)\n%y = where(%e, %s, %m)") == "[n, 2, m]");
}

TEST_CASE("shape arithmetic through floats") {
  const char* text = R"(
    %x = input "x" : f32[1, 3, 10, 15]
    %s = shape(%x) {start = 2}
    %f = cast(%s) {to = f32}
    %k = constant 0.5 : f32[]
    %h = mul(%f, %k)
    %r = floor(%h)
    %y = cast(%r) {to = i64}
    output "y" = %y)";
  CHECK(known(text) == "[5, 7]");
}

TEST_CASE("numbers that may overflow are no extents") {
  CHECK(solved("%b = constant [4611686018427387904] : i64[1]\n%y = mul(%s, %b)") == "unknown");
}

}  // namespace rlx::test
