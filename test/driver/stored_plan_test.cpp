// A stored plan that does not fit its graph, its kernels or its buffers is refused, whatever it says.
#include <catch2/catch.hpp>

#include "driver/compile.h"
#include "ir/text.h"

namespace rlx::test {
namespace {

using Tamper = std::function<void(Lir&)>;

// A product with an epilogue, then a row, for a stated target: what it plans is the same everywhere.
Lir planned() {
  auto g = parse_graph(R"(graph "g" {
  %x = input "x" : f32[24, 40]
  %w = input "w" : f32[40, 24]
  %a = matmul(%x, %w)
  %r = relu(%a)
  %s = softmax(%r) {axis = -1}
  output "y" = %s
})");
  REQUIRE(g);
  driver::CompileOptions options{.target = *parse_target("cpu:x86-64-v3")};
  auto compiled = driver::compile(std::move(*g), options);
  if (!compiled) FAIL(to_text(compiled.error()));
  return std::move(compiled->lir);
}

// Parts that are written into a concatenation, one of them read by a kernel that writes another.
Lir planned_views() {
  auto g = parse_graph(R"(graph "g" {
  %x = input "x" : f32[24, 40]
  %w = input "w" : f32[40, 40]
  %a = matmul(%x, %w)
  %b = matmul(%a, %w)
  %c = concat(%a, %b) {axis = 0}
  %s = softmax(%c) {axis = 0}
  output "y" = %s
})");
  REQUIRE(g);
  driver::CompileOptions options{.target = *parse_target("cpu:x86-64-v3")};
  auto compiled = driver::compile(std::move(*g), options);
  if (!compiled) FAIL(to_text(compiled.error()));
  return std::move(compiled->lir);
}

// Read back as from the store, then compiled.
Status compiled_again(const Lir& lir) {
  auto read = lir_from_json(to_json(lir), {});
  if (!read) return std::move(read.error());
  auto image = driver::compile_lir(*read, *parse_target("cpu:x86-64-v3"), 1);
  if (!image) return std::move(image.error());
  return {};
}

Group& product(Lir& lir) {
  for (Group& g : lir.groups) {
    if (g.choice.algorithm == "contract.panel") return g;
  }
  FAIL("no product");
  return lir.groups[0];
}

void refuses(const char* what, const Tamper& tamper, Lir lir = planned()) {
  INFO(what);
  tamper(lir);
  Status status = compiled_again(lir);
  REQUIRE_FALSE(status.ok());
  int code = status.error().first().code;
  CHECK((code / 1000 == 8 || code == 1303));
}

}  // namespace

TEST_CASE("a stored plan compiles as it is") {
  CHECK(compiled_again(planned()).ok());
  CHECK(compiled_again(planned_views()).ok());
}

TEST_CASE("a stored plan whose values lie in others where they should not is refused") {
  auto part_at = [](Lir& l, int64_t start) -> Placed& {
    for (Placed& p : l.placed) {
      if (p.inside && p.inside->start[0].is(start)) return p;
    }
    FAIL("no part begins at " << start);
    return l.placed[0];
  };
  auto refuses_views = [](const char* what, const Tamper& tamper) {
    refuses(what, tamper, planned_views());
  };
  refuses_views("a part over another", [&](Lir& l) { part_at(l, 24).inside->start[0] = 23; });
  refuses_views("parts that change places", [&](Lir& l) {
    std::swap(part_at(l, 0).inside->start, part_at(l, 24).inside->start);
  });
  refuses_views("a part outside", [&](Lir& l) { part_at(l, 24).inside->start[0] = 25; });
  refuses_views("a part before the beginning",
                [&](Lir& l) { part_at(l, 0).inside->start[0] = -1; });
  refuses_views("a part that begins nobody knows where",
                [&](Lir& l) { part_at(l, 24).inside->start[0] = Dim::symbol("n"); });
  refuses_views("too few axes", [&](Lir& l) { part_at(l, 24).inside->start.pop_back(); });
  refuses_views("a container that is not there",
                [&](Lir& l) { part_at(l, 24).inside->container = 99; });
  refuses_views("a part in itself", [&](Lir& l) {
    Placed& b = part_at(l, 24);
    b.inside->container = static_cast<uint32_t>(&b - l.placed.data());
  });
  refuses_views("a part in another buffer", [&](Lir& l) { part_at(l, 24).buffer = 0; });
  refuses_views("a part with a storage of its own",
                [&](Lir& l) { part_at(l, 24).storage = Storage::ordered({1, 0}); });
  refuses_views("a part with memory of its own", [&](Lir& l) {
    Placed& b = part_at(l, 24);
    b.inside.reset();
    b.buffer = static_cast<uint32_t>(l.buffers.size());
    l.buffers.push_back({.elements = 24 * 40});
  });
  refuses_views("two values in one buffer", [&](Lir& l) { part_at(l, 24).inside.reset(); });
  refuses_views("the arguments of one kernel change places",
                [](Lir& l) { std::swap(l.groups[0].args[0], l.groups[0].args[1]); });
}

TEST_CASE("a stored plan that does not fit is refused") {
  refuses("an unknown algorithm", [](Lir& l) { product(l).choice.algorithm = "contract.magic"; });
  refuses("an algorithm of another kind",
          [](Lir& l) { product(l).choice.algorithm = "conv.direct"; });
  refuses("no tile", [](Lir& l) { product(l).choice.tile = {}; });
  refuses("a tile of no rows", [](Lir& l) { product(l).choice.tile = {0, 1}; });
  refuses("an absurd tile", [](Lir& l) { product(l).choice.tile = {1 << 20, 1 << 20}; });
  refuses("an operand that lies otherwise than its reader needs", [](Lir& l) {
    for (Placed& p : l.placed) {
      if (l.graph[p.value].name == "w") p.storage = Storage::ordered({1, 0});
    }
  });
  refuses("a buffer too small for its value", [](Lir& l) { l.buffers.back().elements = 1; });
  refuses("a buffer of another type", [](Lir& l) { l.buffers[0].dtype = DType::kF64; });
  refuses("arguments of another kernel", [](Lir& l) { l.groups.back().args.pop_back(); });
  refuses("fusions that are missing", [](Lir& l) { l.fusions.clear(); });
  refuses("a fusion of nodes that do not follow each other",
          [](Lir& l) { l.fusions.push_back({NodeId(0), NodeId(0)}); });
  refuses("a storage that gives two elements one place",
          [](Lir& l) { l.placed[0].storage.dims[0].div = 2; });
}

}  // namespace rlx::test
