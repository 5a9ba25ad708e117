// The table of algorithms: that rows are told apart, that one of them always fits, and that what is not offered is
// refused.
#include <catch2/catch.hpp>

#include <set>

#include "backend/cpu/algorithm.h"
#include "kernel/codes.h"
#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {
namespace {

const std::string kProduct = product_text("14", "20", "32");

Target v3() { return *parse_target("cpu:x86-64-v3"); }

// The kernel as its best row wants it.
PlannedKernel best(Kernel k) {
  Vec<Alternative> rows = *backend::cpu::menu(k, v3());
  for (size_t a = 0; a < k.args.size(); ++a) {
    k.args[a].storage = rows[0].needs[a].wanted(static_cast<int>(k.args[a].shape.size()));
  }
  return {std::move(k), rows[0].choice};
}

void check_refused(const PlannedKernel& p) {
  auto code = backend::cpu::compile({p}, {}, v3(), 1);
  REQUIRE_FALSE(code);
  CHECK(code.error().first().code == kUnmetNeed);
  CHECK(code.error().first().node == "/product");
}

}  // namespace

TEST_CASE("algorithms have names of their own, and rows bear them") {
  std::set<std::string_view> names;
  Kernel k = parse_kernel(kProduct);
  for (const backend::cpu::Algorithm& a : backend::cpu::algorithms()) {
    CHECK(names.insert(a.name).second);
    CHECK(backend::cpu::find_algorithm(a.name) == &a);
    for (const Alternative& row : a.offer(k, v3().cpu())) {
      CHECK(row.choice.algorithm == a.name);
      CHECK(row.needs.size() == k.args.size());
    }
  }
  CHECK_FALSE(backend::cpu::find_algorithm("none"));
}

TEST_CASE("the last algorithm runs every kernel, wherever its operands lie") {
  const backend::cpu::Algorithm& last = backend::cpu::algorithms().back();
  for (const std::string& text : {kProduct, softmax_text("n", "100")}) {
    Kernel k = parse_kernel(text);
    Vec<Alternative> rows = last.offer(k, v3().cpu());
    REQUIRE_FALSE(rows.empty());
    CHECK(rows.back().needs == Vec<Need>(k.args.size()));
    CHECK(last.fits(k, rows.back().choice));
  }
}

TEST_CASE("a choice that is not on the menu is refused, and so is an operand that lies elsewhere") {
  const PlannedKernel right = best(parse_kernel(kProduct));
  REQUIRE(right.choice.algorithm == "contract.panel");
  CHECK(backend::cpu::compile({right}, {}, v3(), 1).ok());

  PlannedKernel wrong = right;
  wrong.choice.algorithm = "conv.direct";
  check_refused(wrong);
  wrong.choice.algorithm = "no such";
  check_refused(wrong);
  wrong = right;
  wrong.choice.tile = {1};
  check_refused(wrong);
  wrong.choice.tile = {1, 1 << 20};
  check_refused(wrong);
  wrong = right;
  wrong.kernel.args[1].storage = Storage::ordered({1, 0});
  check_refused(wrong);
  wrong = right;
  wrong.choice = {.algorithm = "loops", .tile = {1, 1}};
  check_refused(wrong);
}

TEST_CASE("products whose operands are expressions run on register tiles") {
  // Bytes with a zero point by weights with a scale for each column.
  const PlannedKernel p = best(parse_kernel(R"(
kernel "dequantised" {
  arg %0 : u8[14, 20] row_major
  arg %1 : i8[20, 40] row_major constant
  arg %2 : f32[40] row_major constant
  arg %3 : f32[14, 40] row_major written
  grid i0 in 14, i1 in 40
  contract %3.0 for i2 in 20 @ ["/product"] {
    m [i0] n [i1] k [i2]
    acc0 : f32
    v0 = load %0[i0, i2]
    v1 : f32 = cast(v0)
    v2 : f32 = const 128.0
    v3 = sub(v1, v2)
    v4 = load %1[i2, i1]
    v5 : f32 = cast(v4)
    v6 = load %2[i1]
    v7 = mul(v5, v6)
    v8 = acc0
    a = v3
    b = v7
    %3[i0, i1] = v8
  }
})"));
  CHECK(p.choice.algorithm == "contract.panel");
  CHECK(to_text(p.kernel.args[1].storage) == "[1/16, 0, 1%16] pad {1: to 16} fill 0");
  check_same_on(machines()[0], p.kernel, {}, random_values(1), p.choice);

  // Columns that the right operand does not move along are no vectors.
  Kernel k = parse_kernel(kProduct);
  k.stages[0].reads[1].index[1].dim = 3;
  CHECK(backend::cpu::find_algorithm("contract.panel")->offer(k, v3().cpu()).empty());
}

TEST_CASE("code tells the features that it may use") {
  Code code = *backend::cpu::compile({best(parse_kernel(kProduct))}, {}, v3(), 1);
  CHECK(std::ranges::includes(v3().cpu().features, code.isa));
  CHECK(std::ranges::count(code.isa, "fma") == 1);
}

}  // namespace rlx::test
