// Maps and reductions as loops: every stage form against the interpreter.
#include <catch2/catch.hpp>

#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {
namespace {

struct Map {
  std::string rows = "3", columns = "37";
  // Of the input and, unless another is given, of the result.
  std::string type = "f32", result_type = {};
  // Lines of nodes; v0 is the input, `result` the node to store.
  std::string body = {}, result = "v1";
};

std::string map_text(const Map& m) {
  const char* const text = R"(
kernel "m" {
  arg %0 : TYPE[ROWS, COLUMNS] row_major
  arg %1 : RESULT_T[ROWS, COLUMNS] row_major written
  grid i0 in ROWS, i1 in COLUMNS
  map %1.0 {
    v0 = load %0[i0, i1]
    BODY
    %1[i0, i1] = NODE
  }
})";
  return filled(text, {{"BODY", m.body},
                       {"RESULT_T", m.result_type.empty() ? m.type : m.result_type},
                       {"TYPE", m.type},
                       {"ROWS", m.rows},
                       {"COLUMNS", m.columns},
                       {"NODE", m.result}});
}

void check_map(const Map& m, const Symbols& symbols = {}) { check_same(map_text(m), symbols); }

}  // namespace

TEST_CASE("maps of every element type and odd extents") {
  const std::pair<std::string, std::string> shapes[] = {
      {"1", "1"}, {"3", "7"}, {"2", "16"}, {"5", "17"}, {"4", "100"}};
  for (std::string type : {"f32", "f64", "i32", "i64", "i8", "u8", "i16", "u16", "u32", "u64"}) {
    for (const auto& [rows, columns] : shapes) {
      check_map({.rows = rows,
                 .columns = columns,
                 .type = type,
                 .body = "v1 = add(v0, v0) v2 = mul(v1, v0) v3 = sub(v2, v0)",
                 .result = "v3"});
    }
  }
}

TEST_CASE("integer division neither traps nor differs") {
  for (std::string type : {"i8", "i16", "i32", "i64", "u8", "u32", "u64"}) {
    check_map({.type = type,
               .body = "v1 : TYPE = const 5 v2 = rem(v0, v1) v3 = div(v0, v2) v4 = rem(v0, v2) "
                       "v5 = max(v3, v4) v6 = min(v5, v0)",
               .result = "v6"});
  }
}

TEST_CASE("functions of floats") {
  for (std::string type : {"f32", "f64"}) {
    for (std::string fn : {"neg", "abs", "sqrt", "floor", "ceil", "round_even", "trunc", "exp",
                           "log", "tanh", "erf", "sin", "cos", "sigmoid"}) {
      INFO(type << " " << fn);
      check_map({.type = type, .body = filled("v1 = FN(v0)", {{"FN", fn}})});
    }
    for (std::string fn : {"add", "sub", "mul", "div", "rem", "min", "max", "pow"}) {
      INFO(type << " " << fn);
      const char* const body =
          "v1 : TYPE = const 1.25 v2 = sub(v0, v1) v3 = sqrt(v2) v4 = FN(v0, v2) v5 = FN(v3, v4) "
          "v6 = FN(v5, v3)";
      check_map({.type = type, .body = filled(body, {{"FN", fn}}), .result = "v6"});
    }
    for (std::string fn : {"eq", "ne", "lt", "le", "gt", "ge"}) {
      check_map({.type = type,
                 .result_type = "bool",
                 .body = filled("v1 = sqrt(v0) v2 = FN(v1, v0)", {{"FN", fn}}),
                 .result = "v2"});
    }
    for (std::string fn : {"is_nan", "is_inf"}) {
      check_map({.type = type,
                 .result_type = "bool",
                 .body = filled("v1 = log(v0) v2 = FN(v1) v3 = not(v2)", {{"FN", fn}}),
                 .result = "v3"});
    }
  }
}

TEST_CASE("a choice that is much to compute is right with and without lanes") {
  // The choice, the condition and what else there is, each one element or one a lane.
  for (const std::string choice : {"i0", "0"}) {
    for (const std::string condition : {"i0", "0"}) {
      for (const std::string otherwise : {"i0", "0"}) {
        INFO(choice << " " << condition << " " << otherwise);
        const char* const text = R"(
kernel "s" {
  arg %0 : f32[37] row_major
  arg %1 : bool[37] row_major
  arg %2 : f32[37] row_major
  arg %3 : f32[37] row_major written
  grid i0 in 37
  map %3.0 {
    v0 = load %0[CHOICE]
    v1 = pow(v0, v0)
    v2 = load %1[CONDITION]
    v3 = load %2[OTHERWISE]
    v4 = select(v2, v1, v3)
    %3[i0] = v4
  }
})";
        check_same(
            filled(text, {{"CHOICE", choice}, {"CONDITION", condition}, {"OTHERWISE", otherwise}}),
            {});
      }
    }
  }
}

TEST_CASE("exp from nothing to infinity") {
  for (std::string type : {"f32", "f64"}) {
    const char* const body =
        "v1 : TYPE = const FACTOR v2 = mul(v0, v1) v3 = exp(v2) v4 = log(v0) v5 = exp(v4) "
        "v6 = add(v3, v5) v7 = is_nan(v6) v8 = select(v7, v3, v6)";
    check_map({.rows = "20",
               .columns = "100",
               .type = type,
               .body = filled(body, {{"FACTOR", type == "f32" ? "14.0" : "95.0"}}),
               .result = "v8"});
  }
}

TEST_CASE("bits and shifts") {
  for (std::string type : {"i8", "i32", "i64", "u16", "u32", "u64"}) {
    check_map({.type = type,
               .body = "v1 = not(v0) v2 = shl(v0, v1) v3 = shr(v2, v0) v4 = xor(v3, v1) "
                       "v5 = and(v4, v2) v6 = or(v5, v0)",
               .result = "v6"});
  }
  check_map(
      {.type = "bool", .body = "v1 = not(v0) v2 = xor(v1, v0) v3 = and(v2, v0)", .result = "v3"});
}

TEST_CASE("casts between all types") {
  const std::string types[] = {"bool", "i8",  "i16", "i32",  "i64", "u8", "u16",
                               "u32",  "u64", "f16", "bf16", "f32", "f64"};
  for (const std::string& from : types) {
    for (const std::string& to : types) {
      INFO(from << " to " << to);
      check_map({.type = from, .result_type = to, .body = "v1 : RESULT_T = cast(v0)"});
    }
  }
}

TEST_CASE("casts saturate and make 0 of NaN") {
  for (std::string from : {"f32", "f64"}) {
    for (std::string to : {"i8", "u8", "i16", "i32", "u32", "i64", "u64"}) {
      INFO(from << " to " << to);
      const char* const body =
          "v1 = exp(v0) v2 = exp(v1) v3 = mul(v2, v0) v4 = sqrt(v3) v5 = MAX(v4, v3) "
          "v6 : RESULT_T = cast(v5)";
      for (std::string fn : {"max", "sub"}) {
        check_map({.columns = "64",
                   .type = from,
                   .result_type = to,
                   .body = filled(body, {{"MAX", fn}, {"RESULT_T", to}}),
                   .result = "v6"});
      }
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
      // 0 is no identity of these.
      bool splits = !integer || fn == "add" || fn == "mul";
      std::string text = filled(R"(
kernel "r" {
  arg %0 : TYPE[n, m] row_major
  arg %1 : TYPE[n] row_major written
  grid i0 in n
  reduce %1.0 for i1 in m {
    order ORDER
    acc0 : TYPE = IDENTITY
    v0 = acc0
    v1 = load %0[i0, i1]
    v2 = FN(v0, v1)
    acc0 = v2
    %1[i0] = v0
  }
})",
                                {{"TYPE", type}, {"IDENTITY", identity}, {"FN", fn}});
      Vec<std::string> orders = {"sequence"};
      if (splits) orders = {"lanes", "sequence parts 2", "parts 3", "parts p"};
      for (const std::string& order : orders) {
        for (int64_t m : {0, 1, 7, 16, 17, 100}) {
          INFO(type << " " << fn << " " << m << " " << order);
          check_same(filled(text, {{"ORDER", order}}), {{"n", 3}, {"m", m}, {"p", 2}});
        }
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

  for (int64_t a : {0, 1, 9, 16, 50}) {
    for (int64_t c : {1, 16, 30}) check_same(kColumnSums, {{"a", a}, {"c", c}});
  }
}

TEST_CASE("reductions of one row with different runs") {
  check_same(R"(
kernel "r" {
  arg %0 : f32[3, 20, 40] row_major
  arg %1 : f32[3] row_major written
  arg %2 : f32[3] row_major written
  grid i0 in 3
  reduce %1.0 for i1 in 20, i2 in 40 {
    order parts 3
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1, i2]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0] = v0
  }
  reduce %2.0 for i3 in 20, i4 in 40 {
    order parts 7
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i3, i4]
    v2 = fma(v1, v1, v0)
    acc0 = v2
    %2[i0] = v0
  }
})");
}

TEST_CASE("a reduction that cannot be split runs in sequence") {
  std::string text = R"(
kernel "r" {
  arg %0 : f32[5, 37] row_major
  arg %1 : f32[5] row_major written
  grid i0 in 5
  reduce %1.0 for i1 in 37 {
    order sequence
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
    std::string text = filled(R"(
kernel "s" {
  arg %0 : f32[3, n] row_major
  arg %1 : f32[3, n] row_major written
  grid i0 in 3
  scan %1.0 for i1 in n {
    over i1 MODE
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0, i1] = v0
  }
})",
                              {{"MODE", mode}});
    for (int64_t n : {1, 16, 37}) check_same(text, {{"n", n}});
  }
}

TEST_CASE("sorts, of few ranks and of all, with equal keys") {
  const std::string text = R"(
kernel "s" {
  arg %0 : f32[3, n] row_major
  arg %1 : f32[3, k] row_major written
  arg %2 : i64[3, k] row_major written
  grid i0 in 3
  sort %1.0 for i1 in k, i2 in n {
    rank i1 over i2
    acc0 : i64
    v0 = load %0[i0, i2]
    v1 : f32 = const 4.0
    v2 = mul(v0, v1)
    v3 : KEY = cast(v2)
    v4 = acc0
    v5 = load %0[i0, at v4]
    key = v3
    %1[i0, i1] = v5
    %2[i0, i1] = v4
  }
})";
  for (std::string_view key : {"i32", "i64"}) {
    const std::string typed = filled(text, {{"KEY", std::string(key)}});
    for (const int64_t n : {1, 2, 3, 16, 37, 300}) {
      check_same(typed, {{"n", n}, {"k", n}});
      check_same(typed, {{"n", n}, {"k", (n + 3) / 4}});
      check_same(typed, {{"n", n}, {"k", 0}});
    }
  }
}

TEST_CASE("an empty tensor is no work") {
  std::string text = map_text({.rows = "n", .columns = "m", .result = "v0"});
  check_same(text, {{"n", 0}, {"m", 5}});
  check_same(text, {{"n", 5}, {"m", 0}});
  check_same(text, {{"n", 3}, {"m", 1000}});
}

}  // namespace rlx::test
