// How a product is cut: what threads share out are tiles of about one size, and no row is done twice for nothing.
#include "backend/cpu/tile_shape.h"

#include <catch2/catch.hpp>

#include "kernel/kernel.h"
#include "support/integer.h"
#include "target/target.h"
#include "test/backend/kernels.h"

namespace rlx::test {
namespace {

Kernel product(int64_t rows, int64_t depth, int64_t columns) {
  return parse_kernels(
             product_text(std::to_string(rows), std::to_string(depth), std::to_string(columns)))
      ->front();
}

}  // namespace

TEST_CASE("blocks of columns are of one size, but for what tiles of vectors cannot share out") {
  for (const char* name : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
    const CpuTarget target = parse_target(name)->cpu();
    for (const int64_t columns : {16, 200, 384, 768, 1000, 3072}) {
      for (const int64_t depth : {64, 384, 1536}) {
        const Kernel k = product(1024, depth, columns);
        const auto loops = backend::cpu::tile_loops(k);
        REQUIRE(loops);
        const auto tile = backend::cpu::tile_for(*loops, backend::cpu::Isa(target));
        const auto shape = backend::cpu::shape_of(k, *loops, tile, target);
        const int64_t blocks = *shape.blocks.constant();
        INFO(name << ' ' << columns << ' ' << depth);
        CHECK(shape.block * blocks - *shape.panels.constant() < tile.vectors * blocks);
      }
    }
  }
}

TEST_CASE("a tile is lower where that saves rows") {
  CHECK(backend::cpu::tile_height(197, 14) == 11);
  CHECK(backend::cpu::tile_height(1024, 14) == 13);
  CHECK(backend::cpu::tile_height(28, 6) == 6);
  for (const int64_t most : {6, 14}) {
    for (int64_t rows = most + 1; rows < 500; ++rows) {
      const int64_t height = backend::cpu::tile_height(rows, most);
      CHECK((4 * height >= 3 * most && height <= most));
      CHECK(round_up(rows, height) - rows < most);
    }
  }
}

}  // namespace rlx::test
