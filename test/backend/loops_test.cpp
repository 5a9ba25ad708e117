// Maps and reductions as loops: every stage form against the interpreter.
#include <catch2/catch.hpp>

#include "test/backend/program.h"

using namespace rlx;
using namespace rlx::test;

namespace {

// %0 -> %1 elementwise over [a, b, c] by the lines of `body`, whose v0 is the element.
std::string map_text(const std::string& type, const std::string& shape, const std::string& body,
                     const std::string& result, const std::string& result_type) {
  return "kernel \"m\" {\n  arg %0 : " + type + shape + " row_major\n  arg %1 : " + result_type +
         shape + " row_major written\n  grid i0 in " + shape.substr(1, shape.find(',') - 1) +
         ", i1 in " + shape.substr(shape.find(',') + 2, shape.size() - shape.find(',') - 3) +
         "\n  map %1.0 {\n    v0 = load %0[i0, i1]\n" + body + "    %1[i0, i1] = " + result +
         "\n  }\n}\n";
}

}  // namespace

TEST_CASE("maps of every element type and odd extents") {
  for (std::string type : {"f32", "f64", "i32", "i64", "i8", "u8", "i16", "u16", "u32", "u64"}) {
    for (std::string shape : {"[1, 1]", "[3, 7]", "[2, 16]", "[5, 17]", "[4, 100]"}) {
      std::string body = "    v1 = add(v0, v0)\n    v2 = mul(v1, v0)\n    v3 = sub(v2, v0)\n";
      check_same(map_text(type, shape, body, "v3", type));
    }
  }
}

TEST_CASE("integer division neither traps nor differs") {
  for (std::string type : {"i8", "i16", "i32", "i64", "u8", "u32", "u64"}) {
    std::string body = "    v1 : " + type +
                       " = const 5\n    v2 = rem(v0, v1)\n    v3 = div(v0, v2)\n" +
                       "    v4 = rem(v0, v2)\n    v5 = max(v3, v4)\n    v6 = min(v5, v0)\n";
    check_same(map_text(type, "[9, 33]", body, "v6", type));
  }
}

TEST_CASE("functions of floats") {
  for (std::string type : {"f32", "f64"}) {
    for (std::string fn : {"neg", "abs", "sqrt", "floor", "ceil", "round_even", "trunc", "exp",
                           "log", "tanh", "erf", "sin", "cos", "sigmoid"}) {
      INFO(type << " " << fn);
      check_same(map_text(type, "[3, 37]", "    v1 = " + fn + "(v0)\n", "v1", type));
    }
    for (std::string fn : {"add", "sub", "mul", "div", "rem", "min", "max", "pow"}) {
      std::string body =
          "    v1 : " + type + " = const 1.25\n    v2 = sub(v0, v1)\n    v3 = sqrt(v2)\n" +
          "    v4 = " + fn + "(v0, v2)\n    v5 = " + fn + "(v3, v4)\n    v6 = " + fn + "(v5, v3)\n";
      INFO(type << " " << fn);
      check_same(map_text(type, "[3, 37]", body, "v6", type));
    }
    for (std::string fn : {"eq", "ne", "lt", "le", "gt", "ge"}) {
      std::string body = "    v1 = sqrt(v0)\n    v2 = " + fn + "(v1, v0)\n";
      check_same(map_text(type, "[3, 37]", body, "v2", "bool"));
    }
    for (std::string fn : {"is_nan", "is_inf"}) {
      std::string body = "    v1 = log(v0)\n    v2 = " + fn + "(v1)\n    v3 = not(v2)\n";
      check_same(map_text(type, "[3, 37]", body, "v3", "bool"));
    }
  }
}

TEST_CASE("exp from nothing to infinity") {
  for (std::string type : {"f32", "f64"}) {
    std::string body =
        "    v1 : " + type + " = const " + (type == "f32" ? "14.0" : "95.0") +
        "\n    v2 = mul(v0, v1)\n    v3 = exp(v2)\n    v4 = log(v0)\n    v5 = exp(v4)\n" +
        "    v6 = add(v3, v5)\n    v7 = is_nan(v6)\n    v8 = select(v7, v3, v6)\n";
    check_same(map_text(type, "[20, 100]", body, "v8", type));
  }
}

TEST_CASE("bits and shifts") {
  for (std::string type : {"i8", "i32", "i64", "u16", "u32", "u64"}) {
    std::string body =
        "    v1 = not(v0)\n    v2 = shl(v0, v1)\n    v3 = shr(v2, v0)\n" +
        std::string("    v4 = xor(v3, v1)\n    v5 = and(v4, v2)\n    v6 = or(v5, v0)\n");
    check_same(map_text(type, "[3, 37]", body, "v6", type));
  }
  check_same(map_text("bool", "[3, 37]",
                      "    v1 = not(v0)\n    v2 = xor(v1, v0)\n    v3 = and(v2, v0)\n", "v3",
                      "bool"));
}

TEST_CASE("casts between all types") {
  const std::string types[] = {"bool", "i8",  "i16", "i32",  "i64", "u8", "u16",
                               "u32",  "u64", "f16", "bf16", "f32", "f64"};
  for (const std::string& from : types) {
    for (const std::string& to : types) {
      INFO(from << " to " << to);
      check_same(map_text(from, "[2, 37]", "    v1 : " + to + " = cast(v0)\n", "v1", to));
    }
  }
}

TEST_CASE("casts saturate and make 0 of NaN") {
  for (std::string from : {"f32", "f64"}) {
    for (std::string to : {"i8", "u8", "i16", "i32", "u32", "i64", "u64"}) {
      INFO(from << " to " << to);
      std::string body =
          "    v1 = exp(v0)\n    v2 = exp(v1)\n    v3 = mul(v2, v0)\n    v4 = sqrt(v3)\n" +
          std::string("    v5 = max(v4, v3)\n    v6 : ") + to + " = cast(v5)\n";
      check_same(map_text(from, "[4, 64]", body, "v6", to));
      check_same(map_text(from, "[4, 64]",
                          "    v1 = exp(v0)\n    v2 = exp(v1)\n    v3 = mul(v2, v0)\n"
                          "    v4 : " +
                              to + " = cast(v3)\n",
                          "v4", to));
    }
  }
}

TEST_CASE("broadcasts, transposes and index values") {
  std::string text = R"(
kernel "t" {
  arg %0 : f32[n, m] row_major
  arg %1 : f32[m] row_major
  arg %2 : f32[m, n] row_major written
  grid i0 in m, i1 in n
  map %2.0 {
    v0 = load %0[i1, i0]
    v1 = load %1[i0]
    v2 = index i0 * 3 + i1
    v3 : f32 = cast(v2)
    v4 = fma(v0, v1, v3)
    %2[i0, i1] = v4
  }
})";
  for (int64_t n : {1, 7, 16, 17, 100}) {
    for (int64_t m : {1, 5, 33}) check_same(text, {{"n", n}, {"m", m}});
  }
}

TEST_CASE("reductions over the last axis have the interpreter's order") {
  for (std::string type : {"f32", "f64", "i32", "i64"}) {
    for (std::string fn : {"add", "mul", "max", "min"}) {
      std::string identity = fn == "mul" ? "1" : "0";
      bool integer = type[0] == 'i';
      if (!integer && fn == "max") identity = "-inf";
      if (!integer && fn == "min") identity = "inf";
      std::string text =
          "kernel \"r\" {\n  arg %0 : " + type + "[n, m] row_major\n  arg %1 : " + type +
          "[n] row_major written\n  grid i0 in n\n  reduce %1.0 for i1 in m {\n    acc0 : " + type +
          " = " + identity + "\n    v0 = acc0\n    v1 = load %0[i0, i1]\n    v2 = " + fn +
          "(v0, v1)\n    acc0 = v2\n    %1[i0] = v0\n  }\n}\n";
      for (int64_t m : {0, 1, 7, 16, 17, 100}) {
        INFO(type << " " << fn << " " << m);
        check_same(text, {{"n", 3}, {"m", m}});
      }
    }
  }
}

TEST_CASE("a maximum is NaN if one element is") {
  std::string text = R"(
kernel "r" {
  arg %0 : f32[6, 50] row_major
  arg %1 : f32[6] row_major written
  arg %2 : f32[6] row_major written
  grid i0 in 6
  reduce %1.0 for i1 in 50 {
    acc0 : f32 = -inf
    acc1 : f32 = inf
    v0 = acc0
    v1 = acc1
    v2 = load %0[i0, i1]
    v3 : f32 = const 7.5
    v4 = add(v2, v3)
    v5 = sqrt(v4)
    v6 = max(v0, v5)
    v7 = min(v5, v1)
    acc0 = v6
    acc1 = v7
    %1[i0] = v0
    %2[i0] = v1
  }
})";
  for (unsigned seed = 1; seed < 12; ++seed) check_same(text, {}, random_values(seed));
}

TEST_CASE("reductions over other axes and several axes") {
  std::string text = R"(
kernel "r" {
  arg %0 : f32[a, b, c] row_major
  arg %1 : f32[b] row_major written
  arg %2 : f32[c] row_major written
  grid i0 in b
  reduce %1.0 for i1 in a, i2 in c {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i1, i0, i2]
    v2 = fma(v1, v1, v0)
    acc0 = v2
    %1[i0] = v0
  }
})";
  size_t unused = text.find("  arg %2");
  text.erase(unused, text.find('\n', unused) - unused + 1);
  for (int64_t c : {1, 7, 16, 17, 40}) check_same(text, {{"a", 3}, {"b", 5}, {"c", c}});

  std::string columns = R"(
kernel "r" {
  arg %0 : f32[a, c] row_major
  arg %1 : f32[c] row_major written
  grid i0 in c
  reduce %1.0 for i1 in a {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i1, i0]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0] = v0
  }
})";
  for (int64_t a : {0, 1, 9, 16, 50}) {
    for (int64_t c : {1, 16, 30}) check_same(columns, {{"a", a}, {"c", c}});
  }
}

TEST_CASE("a reduction that cannot be split runs in sequence") {
  std::string text = R"(
kernel "r" {
  arg %0 : f32[5, 37] row_major
  arg %1 : f32[5] row_major written
  grid i0 in 5
  reduce %1.0 for i1 in 37 {
    acc0 : f32 = 0.5
    v0 = acc0
    v1 = load %0[i0, i1]
    v2 = mul(v0, v0)
    v3 = sub(v1, v2)
    v4 = tanh(v3)
    acc0 = v4
    %1[i0] = v0
  }
})";
  check_same(text);
}

TEST_CASE("scans, exclusive and reverse") {
  for (std::string mode : {"", " exclusive", " reverse", " exclusive reverse"}) {
    std::string text =
        "kernel \"s\" {\n  arg %0 : f32[3, n] row_major\n  arg %1 : f32[3, n] row_major written\n"
        "  grid i0 in 3\n  scan %1.0 for i1 in n {\n    over i1" +
        mode +
        "\n    acc0 : f32 = 0.0\n    v0 = acc0\n    v1 = load %0[i0, i1]\n    v2 = add(v0, v1)\n"
        "    acc0 = v2\n    %1[i0, i1] = v0\n  }\n}\n";
    for (int64_t n : {1, 16, 37}) check_same(text, {{"n", n}});
  }
}

TEST_CASE("an empty tensor is no work") {
  std::string text = map_text("f32", "[n, m]", "", "v0", "f32");
  check_same(text, {{"n", 0}, {"m", 5}});
  check_same(text, {{"n", 5}, {"m", 0}});
  check_same(text, {{"n", 3}, {"m", 1000}});
}
