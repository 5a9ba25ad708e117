// What the menu offers, and that what it asks for runs.
#include <catch2/catch.hpp>

#include "test/backend/kernels.h"
#include "test/backend/program.h"

namespace rlx::test {

namespace {

const char* const kDepthwise = R"(
kernel "depthwise" {
  arg %0 : f32[n, CC, 9, 10] row_major
  arg %1 : f32[CC, 1, 3, 3] row_major constant
  arg %2 : f32[n, CC, 5, 5] row_major written
  grid i0 in n, i1 in CC, i2 in 5, i3 in 5
  reduce %2.0 for i4 in 3, i5 in 3 @ ["/dw"] {
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1, i2 * 2 + i4 - 1 fill 0.0, i3 * 2 + i5 - 1 fill 0.0]
    v2 = load %1[i1, 0, i4, i5]
    v3 = mul(v1, v2)
    v4 = add(v0, v3)
    acc0 = v4
    %2[i0, i1, i2, i3] = v0
  }
})";

Vec<Alternative> menu_of(const Kernel& k) {
  auto rows = backend::cpu::menu(k, *parse_target("cpu:x86-64-v3"));
  if (!rows) FAIL(to_text(rows.error()));
  return std::move(*rows);
}

}  // namespace

TEST_CASE("loops that take any storage come last") {
  Vec<Alternative> rows = menu_of(parse_kernel(softmax_text("n", "100")));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].choice == Choice{});
  CHECK(rows[0].needs == Vec<Need>(2));
}

TEST_CASE("depthwise windows ask for channels last with a halo") {
  for (std::string channels : {"3", "16", "24"}) {
    Kernel k = parse_kernel(filled(kDepthwise, {{"CC", channels}}));
    Vec<Alternative> rows = menu_of(k);
    REQUIRE(rows.size() == 2);
    for (size_t i = 0; i < k.args.size(); ++i) k.args[i].storage = rows[0].needs[i].storage;
    CHECK(k.args[0].storage.padding[2] == AxisPadding{1, 1, 1});
    CHECK(k.args[0].storage.padding[3] == AxisPadding{1, 0, 1});
    check_same(k, {{"n", 2}});
  }
}

TEST_CASE("code does not depend on threads, and equal kernels share theirs") {
  Kernel a = parse_kernel(softmax_text("n", "100"));
  Kernel b = a;
  b.name = "other";
  b.stages[0].origin = {"/elsewhere"};
  Kernel c = parse_kernel(layer_norm_text("n", "100"));
  Target target = *parse_target("cpu:x86-64-v4");
  Code one = *backend::cpu::compile({{a, {}}, {b, {}}, {c, {}}}, {"n"}, target, 1);
  Code three = *backend::cpu::compile({{a, {}}, {b, {}}, {c, {}}}, {"n"}, target, 3);
  CHECK(one.blob == three.blob);
  CHECK(one.entries[0].offset == one.entries[1].offset);
  CHECK(one.entries[0].offset != one.entries[2].offset);
  for (size_t i = 0; i < 3; ++i) CHECK(one.entries[i].offset == three.entries[i].offset);
  CHECK(one.entries[2].offset % 64 == 0);
  CHECK(std::ranges::includes(target.cpu().features, one.isa));
}

}  // namespace rlx::test
