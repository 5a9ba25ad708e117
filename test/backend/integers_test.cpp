// What docs/numerics.md says of integers, casts, NaN and infinities: kernels compiled and interpreted, on all
// pairs of the values where something may trap or differ; and what the values are.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernel/builder.h"
#include "kernel/element.h"
#include "test/backend/program.h"
#include "test/oracle/run.h"

namespace rlx::test {
namespace {

const char* const kIntegers[] = {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"};
const char* const kFloatTypes[] = {"f16", "bf16", "f32", "f64"};

// Ends, around 0 and around the width of the type.
Vec<double> edges_of(DType t) {
  if (is_float(t)) {
    return {0,     -0.0,   1,     -1,     0.5,    -0.5, 2.5,      -2.5,      127.5,  255.5,
            32768, 65520,  1e-41, -1e-41, 3e9,    -3e9, 9.3e18,   -9.3e18,   1.9e19, 3e38,
            1e300, -1e300, 7,     -3,     1e-300, 3,    INFINITY, -INFINITY, NAN,    64};
  }
  const double end = std::ldexp(1, value_bits(t));
  return {0,  1,  2,  3,  -1, -2,      -3,      7,    8,       31,
          32, 33, 63, 64, 65, end - 1, end / 2, -end, 1 - end, 127};
}

// Argument 0 repeats each edge, argument 1 runs through them: all pairs.
Fill pairs(size_t count) {
  return [count](const Arg& arg, std::span<std::byte> dense) {
    const Vec<double> values = edges_of(arg.dtype);
    const auto size = static_cast<size_t>(size_of(arg.dtype));
    const bool first = arg.name == "%0";
    for (size_t i = 0; i * size < dense.size(); ++i) {
      const size_t at = first ? i / count : i % count;
      with_type(arg.dtype, [&]<class T>() {
        const T value = convert<T>(values[at % values.size()]);
        std::memcpy(dense.data() + i * size, &value, sizeof value);
      });
    }
  };
}

void check_node(const std::string& node, const std::string& a, const std::string& b) {
  constexpr size_t kCount = 30;
  const std::string shape = "[" + std::to_string(kCount * kCount) + "]";
  std::string lines = "%a = input \"a\" : " + a + shape + "\n";
  if (!b.empty()) lines += "%b = input \"b\" : " + b + shape + "\n";
  auto g = graph_of(lines + "%y = " + node + "\noutput \"y\" = %y");
  if (!g) FAIL(node + " of " + a + ": " + rlx::to_text(g.error()));
  check_same(*lower(*g, NodeId(0)), {}, pairs(kCount));
}

int64_t power(const std::string& type, int64_t x, int64_t y) {
  const Tensor result = run("%a = input \"a\" : " + type + "[1]\n%b = input \"b\" : " + type +
                                "[1]\n%y = pow(%a, %b)\noutput \"y\" = %y",
                            {i64({1}, {x}), i64({1}, {y})});
  int64_t value = 0;
  std::memcpy(&value, result.bytes.data(), sizeof value);
  return value;
}

}  // namespace

TEST_CASE("arithmetic of integers is the same compiled and interpreted, and traps nowhere") {
  for (std::string type : kIntegers) {
    for (std::string node : {"add(%a, %b)", "sub(%a, %b)", "mul(%a, %b)", "div(%a, %b)",
                             "mod(%a, %b)", "mod(%a, %b) {fmod = 1}", "pow(%a, %b)", "min(%a, %b)",
                             "max(%a, %b)", "less(%a, %b)", "equal(%a, %b)"}) {
      check_node(node, type, type);
    }
    check_node("abs(%a)", type, {});
    check_node("sign(%a)", type, {});
  }
}

TEST_CASE("arithmetic of floats is the same compiled and interpreted") {
  for (std::string type : kFloatTypes) {
    for (std::string node : {"add(%a, %b)", "sub(%a, %b)", "mul(%a, %b)", "div(%a, %b)",
                             "mod(%a, %b) {fmod = 1}", "pow(%a, %b)", "min(%a, %b)", "max(%a, %b)",
                             "less(%a, %b)", "greater_or_equal(%a, %b)", "equal(%a, %b)"}) {
      check_node(node, type, type);
    }
    for (std::string node : {"sign(%a)", "relu(%a)", "round(%a)", "is_nan(%a)", "is_inf(%a)"}) {
      check_node(node, type, {});
    }
  }
}

TEST_CASE("powers of mixed types are the same compiled and interpreted") {
  for (std::string x : {"i8", "i32", "i64", "u8", "u64"}) {
    for (std::string y : {"f32", "f64", "i8", "i64", "u8", "u64"}) check_node("pow(%a, %b)", x, y);
  }
  for (std::string y : {"i8", "i64", "u64"}) check_node("pow(%a, %b)", "f32", y);
}

TEST_CASE("casts are the same compiled and interpreted") {
  Vec<std::string> types{"bool"};
  types.insert(types.end(), std::begin(kIntegers), std::end(kIntegers));
  types.insert(types.end(), std::begin(kFloatTypes), std::end(kFloatTypes));
  for (const std::string& from : types) {
    for (const std::string& to : types) check_node("cast(%a) {to = " + to + "}", from, {});
  }
}

TEST_CASE("the best of a row, with NaN and equal ones") {
  for (std::string type : {"f16", "f32", "f64", "i8", "u64"}) {
    for (std::string op : {"arg_max", "arg_min"}) {
      for (std::string last : {"0", "1"}) {
        check_node(op + "(%a) {axis = 0, select_last_index = " + last + "}", type, {});
      }
    }
    for (std::string op : {"reduce_max", "reduce_min"}) check_node(op + "(%a)", type, {});
  }
  const auto place = [](const std::string& op, const Vec<float>& row) {
    const Tensor result =
        run("%x = input \"x\" : f32[4]\n%y = " + op + "\noutput \"y\" = %y", {f32({4}, row)});
    int64_t value = 0;
    std::memcpy(&value, result.bytes.data(), sizeof value);
    return value;
  };
  CHECK(place("arg_max(%x)", {1, NAN, 3, NAN}) == 1);
  CHECK(place("arg_min(%x)", {1, NAN, -3, NAN}) == 1);
  CHECK(place("arg_max(%x) {select_last_index = 1}", {1, NAN, 3, 2}) == 1);
  CHECK(place("arg_max(%x) {select_last_index = 1}", {NAN, 1, NAN, 2}) == 2);
  CHECK(place("arg_max(%x)", {-INFINITY, -INFINITY, -INFINITY, -INFINITY}) == 0);
  CHECK(place("arg_max(%x) {select_last_index = 1}", {5, 5, 1, 1}) == 1);
}

TEST_CASE("powers of integers are products that wrap") {
  for (int64_t x : {0, 1, -1, 2, -2, 3, 10, -7}) {
    uint64_t product = 1;
    for (int64_t y = 0; y < 200; ++y) {
      INFO(x << " ^ " << y);
      CHECK(power("i64", x, y) == static_cast<int64_t>(product));
      product *= static_cast<uint64_t>(x);
    }
  }
  CHECK(power("i64", 3, -1) == 0);
  CHECK(power("i64", 1, -5) == 1);
  CHECK(power("i64", -1, -5) == -1);
  CHECK(power("i64", -1, -4) == 1);
  CHECK(power("i64", 0, -1) == std::numeric_limits<int64_t>::max());
  CHECK(power("i64", 1, std::numeric_limits<int64_t>::min()) == 1);
}

TEST_CASE("elements of 4 bits are read at any place") {
  for (const char* type : {"u4", "i4"}) {
    for (const char* index :
         {"i0, i1", "i1, i0", "i0 * 2 + 1, i1 * 3", "4, i1", "i0, 7", "at v1 checked, i1"}) {
      const std::string text = std::string(R"(
        kernel "k" {
          arg %x : )") + type + R"([61, 61] [1, 0] pad {0: lo 1 hi 2} fill 0
          arg %i : i64[20] row_major
          arg %y : f32[20, 19] row_major written
          grid i0 in 20, i1 in 19
          map %y.0 @ ["/n"] {
            v0 : f32 = const 0.0
            v1 = load %i[i0]
            v2 = load %x[)" + index +
                               R"(]
            v3 : f32 = cast(v2)
            v4 : f32 = cast(v1)
            v5 = add(v3, v4)
            %y[i0, i1] = v5
          }
        })";
      INFO(text);
      check_same(parse_kernel(text), {}, random_indexes(1, 0, 61));
    }
  }
}

TEST_CASE("remainders of floats end, whatever the divisor") {
  const auto rest = [](float a, float b) {
    const Tensor result =
        run("%a = input \"a\" : f32[1]\n%b = input \"b\" : f32[1]\n"
            "%y = mod(%a, %b) {fmod = 1}\noutput \"y\" = %y",
            {f32({1}, {a}), f32({1}, {b})});
    return at(result, {0});
  };
  CHECK(rest(5, INFINITY) == 5);
  CHECK(rest(-5, -INFINITY) == -5);
  CHECK(std::isnan(rest(INFINITY, 2)));
  CHECK(std::isnan(rest(5, 0)));
  CHECK(rest(3e38F, 1e-45F) == std::fmod(3e38F, 1e-45F));
}

}  // namespace rlx::test
