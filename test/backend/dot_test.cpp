// Products of narrow integers: which operands are known to be narrow, what code they become, and what they give
// at the ends of their ranges.
#include <catch2/catch.hpp>

#include <cstring>

#include "backend/common/int_range.h"
#include "backend/cpu/algorithm.h"
#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {
namespace {

// (a - ZA) times (b - ZB).
const char* const kDot = R"(
kernel "product" {
  arg %0 : LEFT[14, 21] row_major
  arg %1 : RIGHT[21, 40] row_major constant
  arg %2 : i32[14, 40] row_major written
  grid i0 in 14, i1 in 40
  contract %2.0 for i2 in 21 @ ["/product"] {
    m [i0] n [i1] k [i2]
    acc0 : i32
    v0 = load %0[i0, i2]
    v1 : i32 = cast(v0)
    v2 : i32 = const ZA
    v3 = sub(v1, v2)
    v4 = load %1[i2, i1]
    v5 : i32 = cast(v4)
    v6 : i32 = const ZB
    v7 = sub(v5, v6)
    v8 = acc0
    a = v3
    b = B
    %2[i0, i1] = v8
  }
})";

Kernel product(const std::string& left, const std::string& right, const std::string& za,
               const std::string& zb) {
  return parse_kernel(filled(kDot, {{"LEFT", left},
                                    {"RIGHT", right},
                                    {"ZA", za},
                                    {"ZB", zb},
                                    {"b = B", zb == "0" ? "b = v5" : "b = v7"}}));
}

const char* const kVnni = "cpu:x86-64-v4,+avx512vnni";

// The best row, with operands as it wants them.
PlannedKernel best_on(const Target& target, Kernel k) {
  const Vec<Alternative> rows = *backend::cpu::menu(k, target);
  for (size_t i = 0; i < k.args.size(); ++i) {
    k.args[i].storage = rows[0].needs[i].wanted(static_cast<int>(k.args[i].shape.size()));
  }
  return {std::move(k), rows[0].choice};
}

int64_t group_on(const std::string& target, const Kernel& k) {
  const Choice choice = best_on(*parse_target(target), k).choice;
  return choice.algorithm == "product.dot" ? choice.tile[2] : 1;
}

bool has_instruction(const std::string& target, const Kernel& k, const std::string& name) {
  const Target t = *parse_target(target);
  const PlannedKernel p = best_on(t, k);
  const std::string text = *backend::cpu::compile_to_text({p}, {}, t, CodeText::kAsm);
  return text.find("\t" + name + "\t") != std::string::npos;
}

// All elements are the same number.
Fill filled_with(int64_t left, int64_t right) {
  return [=](const Arg& arg, std::span<std::byte> dense) {
    const int64_t value = arg.name == "%0" ? left : right;
    const auto size = static_cast<size_t>(size_of(arg.dtype));
    for (size_t i = 0; i < dense.size(); i += size) std::memcpy(&dense[i], &value, size);
  };
}

void check_everywhere(const Kernel& k, const Fill& fill) {
  for (const char* target : {"cpu:x86-64-v3", "cpu:x86-64-v4", kVnni}) {
    const Machine m = machine_of(target);
    const PlannedKernel p = best_on(m.target, k);
    check_same_on(m, p.kernel, {}, fill, p.choice);
  }
}

void check_ends(const Kernel& k, int64_t left, int64_t right) {
  check_everywhere(k, filled_with(left, right));
}

}  // namespace

TEST_CASE("products of narrow integers are summed up in groups") {
  CHECK(group_on("cpu:x86-64-v3", product("u8", "i8", "0", "0")) == 2);
  CHECK(group_on("cpu:x86-64-v4", product("u8", "i8", "0", "0")) == 2);
  CHECK(group_on(kVnni, product("u8", "i8", "0", "0")) == 4);
  CHECK(group_on(kVnni, product("i8", "u8", "0", "0")) == 4);
  // By way of bytes without a sign, or without the zero point, and sums corrected.
  CHECK(group_on(kVnni, product("i8", "i8", "0", "0")) == 4);
  CHECK(group_on(kVnni, product("u8", "i8", "128", "0")) == 4);
  CHECK(group_on(kVnni, product("i8", "i8", "3", "0")) == 4);
  CHECK(group_on(kVnni, product("i8", "u8", "3", "0")) == 4);
  // Neither is there an instruction for these, nor do they fit a byte.
  CHECK(group_on(kVnni, product("u8", "u8", "0", "0")) == 2);
  CHECK(group_on(kVnni, product("u8", "i8", "0", "1")) == 2);
  CHECK(group_on(kVnni, product("i8", "i8", "0", "-1")) == 2);
  CHECK(group_on(kVnni, product("i16", "i16", "0", "0")) == 2);
  CHECK(group_on(kVnni, product("i16", "i16", "1", "0")) == 1);
  CHECK(group_on(kVnni, product("u16", "i8", "0", "0")) == 1);
  CHECK(group_on(kVnni, product("u16", "i8", "32768", "0")) == 2);
  CHECK(group_on(kVnni, product("i32", "i8", "0", "0")) == 1);
  // What padding holds has to count for nothing in the right operand's sums.
  const auto at_least_minus_5 = [](const std::string& za) {
    std::string text =
        filled(kDot, {{"v7 = sub(v5, v6)", "v7 = max(v5, v6)"}, {"b = B", "b = v7"}});
    return parse_kernel(filled(text, {{"LEFT", "u8"}, {"RIGHT", "i8"}, {"ZA", za}, {"ZB", "-5"}}));
  };
  CHECK(group_on(kVnni, at_least_minus_5("0")) == 4);
  CHECK(group_on(kVnni, at_least_minus_5("128")) == 2);
  // A zero point for each row is one along the depth, and none for each step of it.
  const auto with_zeros = [](const std::string& axis, const std::string& extent) {
    std::string text = filled(kDot, {{"  arg %2", "  arg %3 : i8[EXTENT] row_major\n  arg %2"},
                                     {"v2 : i32 = const ZA", "v2 = load %3[AXIS]"},
                                     {"v3 = sub(v1, v2)", "v3 : i32 = cast(v2)"},
                                     {"v6 : i32 = const ZB", "v6 = sub(v1, v3)"},
                                     {"v7 = sub(v5, v6)", "v7 : i32 = const 0"},
                                     {"a = v3", "a = v6"},
                                     {"b = B", "b = v5"}});
    return parse_kernel(
        filled(text, {{"LEFT", "u8"}, {"RIGHT", "i8"}, {"AXIS", axis}, {"EXTENT", extent}}));
  };
  CHECK(group_on(kVnni, with_zeros("i0", "14")) == 4);
  CHECK(group_on(kVnni, with_zeros("i2", "21")) == 2);
  check_everywhere(with_zeros("i0", "14"), random_values(1));
  // Not packed each time it runs.
  Kernel k = product("u8", "i8", "0", "0");
  k.args[1].constant = false;
  CHECK(group_on(kVnni, k) == 1);
}

TEST_CASE("groups have instructions of their own, and the code tells their feature") {
  const Kernel fours = product("u8", "i8", "0", "0"), pairs = product("u8", "u8", "128", "3");
  CHECK(has_instruction("cpu:x86-64-v3", fours, "vpmaddwd"));
  CHECK(has_instruction("cpu:x86-64-v4", pairs, "vpmaddwd"));
  CHECK(has_instruction(kVnni, fours, "vpdpbusd"));
  CHECK(has_instruction(kVnni, pairs, "vpdpwssd"));
  CHECK(has_instruction("cpu:x86-64-v3,+avxvnni", fours, "{vex}\tvpdpbusd"));
  CHECK_FALSE(has_instruction("cpu:x86-64-v4", fours, "vpdpwssd"));

  const Target t = *parse_target(kVnni);
  const Code code = *backend::cpu::compile({best_on(t, fours)}, {}, t, 1);
  CHECK(std::ranges::count(code.isa, "avx512vnni") == 1);
}

TEST_CASE("the greatest products of narrow integers do not saturate") {
  check_ends(product("u8", "i8", "0", "0"), 255, -128);
  check_ends(product("i8", "u8", "0", "0"), -128, 255);
  check_ends(product("u8", "u8", "255", "255"), 0, 0);
  check_ends(product("i8", "i8", "0", "0"), -128, -128);
  check_ends(product("i8", "i8", "127", "0"), -128, -128);
  check_ends(product("u8", "i8", "255", "0"), 0, -128);
  check_ends(product("i8", "u8", "127", "0"), -128, 255);
  check_ends(product("i8", "i8", "127", "127"), -128, -128);
  check_ends(product("i16", "i16", "0", "0"), -32768, -32768);
}

TEST_CASE("each column has a zero point of its own") {
  std::string text = filled(kDot, {{"  arg %2", "  arg %3 : i8[40] row_major\n  arg %2"},
                                   {"v2 : i32 = const ZA", "v2 = load %3[i1]"},
                                   {"v3 = sub(v1, v2)", "v3 : i32 = cast(v2)"},
                                   {"v6 : i32 = const ZB", "v6 = sub(v5, v3)"},
                                   {"v7 = sub(v5, v6)", "v7 : i32 = const 0"},
                                   {"a = v3", "a = v1"},
                                   {"b = B", "b = v6"}});
  const Kernel k = parse_kernel(filled(text, {{"LEFT", "u8"}, {"RIGHT", "i8"}}));
  CHECK(group_on("cpu:x86-64-v3", k) == 2);
  check_everywhere(k, random_values(2));
}

TEST_CASE("operands are judged as they are after all that can be simplified") {
  for (const char* fn : {"mul", "and", "sub"}) {
    std::string text = filled(kDot, {{"v7 = sub(v5, v6)", std::string("v7 = ") + fn + "(v5, v6)"},
                                     {"b = B", "b = v7"},
                                     {"LEFT", "u8"},
                                     {"RIGHT", "i8"},
                                     {"ZA", "0"},
                                     {"ZB", "0"}});
    check_everywhere(parse_kernel(text), random_values(3));
  }
}

TEST_CASE("ranges of integers") {
  using backend::int_range;
  Body body;
  auto node = [&](Fn fn, DType type, Vec<ExprId> args) {
    body.push_back({.fn = fn, .type = type, .args = std::move(args)});
    return ExprId(static_cast<uint32_t>(body.size() - 1));
  };
  auto is = [&](ExprId id, int64_t lo, int64_t hi) {
    const backend::IntRange r = int_range(body, id);
    return r.lo == lo && r.hi == hi;
  };
  constexpr int64_t kLowest = INT32_MIN, kGreatest = INT32_MAX;
  const ExprId u8 = node(Fn::kLoad, DType::kU8, {}), i8 = node(Fn::kLoad, DType::kI8, {});
  const ExprId i64 = node(Fn::kLoad, DType::kI64, {}), real = node(Fn::kLoad, DType::kF32, {});
  const ExprId a = node(Fn::kCast, DType::kI32, {u8}), b = node(Fn::kCast, DType::kI32, {i8});
  CHECK(is(a, 0, 255));
  CHECK(is(b, -128, 127));
  CHECK(is(node(Fn::kSub, DType::kI32, {a, b}), -127, 383));
  CHECK(is(node(Fn::kAdd, DType::kI32, {a, b}), -128, 382));
  CHECK(is(node(Fn::kMul, DType::kI32, {a, b}), -128 * 255, 127 * 255));
  CHECK(is(node(Fn::kMax, DType::kI32, {a, b}), 0, 255));
  CHECK(is(node(Fn::kMin, DType::kI32, {a, b}), -128, 127));
  const ExprId less = node(Fn::kLt, DType::kBool, {a, b});
  CHECK(is(node(Fn::kSelect, DType::kI32, {less, a, b}), -128, 255));
  CHECK(is(node(Fn::kCast, DType::kI32, {less}), 0, 1));
  CHECK(is(node(Fn::kCast, DType::kI32, {i64}), kLowest, kGreatest));
  CHECK(is(node(Fn::kCast, DType::kI32, {real}), kLowest, kGreatest));
  CHECK(is(node(Fn::kXor, DType::kI32, {a, b}), kLowest, kGreatest));
  // What may wrap may be anything: a byte to the other sign, a great product.
  const ExprId wrapped = node(Fn::kCast, DType::kI8, {u8});
  CHECK(is(node(Fn::kCast, DType::kI32, {wrapped}), -128, 127));
  const ExprId any = node(Fn::kLoad, DType::kI32, {});
  CHECK(is(node(Fn::kMul, DType::kI32, {any, any}), kLowest, kGreatest));
  CHECK(is(node(Fn::kAdd, DType::kI32, {any, a}), kLowest, kGreatest));
}

TEST_CASE("relaxed products of bf16 are summed up in pairs, near to their sums in order") {
  const char* const text = R"(
kernel "product" {
  arg %0 : bf16[14, 21] row_major
  arg %1 : bf16[21, 40] row_major constant
  arg %2 : f32[14, 40] row_major written
  grid i0 in 14, i1 in 40
  contract %2.0 for i2 in 21 relaxed @ ["/product"] {
    m [i0] n [i1] k [i2]
    acc0 : f32
    v0 = load %0[i0, i2]
    v1 : f32 = cast(v0)
    v2 = load %1[i2, i1]
    v3 : f32 = cast(v2)
    v4 = acc0
    a = v1
    b = v3
    %2[i0, i1] = v4
  }
})";
  const std::string bf16 = "cpu:x86-64-v4,+avx512bf16";
  const Kernel k = parse_kernel(text);
  CHECK(group_on(bf16, k) == 2);
  CHECK(has_instruction(bf16, k, "vdpbf16ps"));
  CHECK(group_on("cpu:x86-64-v4", k) == 1);
  CHECK(group_on(bf16, parse_kernel(filled(text, {{" relaxed", ""}}))) == 1);
  CHECK(group_on(bf16, parse_kernel(filled(text, {{"bf16", "f16"}}))) == 1);
  const Machine m = machine_of(bf16);
  const PlannedKernel p = best_on(m.target, k);
  // docs/numerics.md: n u of the sum of what may be 8 by 8.
  check_near_on(m, p.kernel, {}, random_values(1), p.choice, 21 * 0x1p-24 * 21 * 64);
}

}  // namespace rlx::test
