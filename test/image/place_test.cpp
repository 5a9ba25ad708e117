#include <catch2/catch.hpp>
#include <random>

#include "test/image/sample.h"

namespace rlx::image {
namespace {

Buffer arena(int64_t bytes, uint32_t first, uint32_t last, int32_t slot = -1) {
  return {.bytes = Extent::constant(bytes), .first = first, .last = last, .slot = slot};
}

Placement placed(Vec<Buffer> buffers) {
  Image image{.buffers = std::move(buffers)};
  auto placement = place(image, {});
  REQUIRE(placement.ok());
  return std::move(*placement);
}

bool share(const Placement& p, size_t a, size_t b) {
  auto end = [&](size_t i) { return p.offsets[i] + std::max<int64_t>(p.bytes[i], 1); };
  return p.offsets[a] < end(b) && p.offsets[b] < end(a);
}

TEST_CASE("buffers that live one after the other share memory") {
  Placement p = placed({arena(1000, 0, 1), arena(1000, 2, 3)});
  CHECK(p.offsets == Vec<int64_t>{0, 0});
  CHECK(p.arena_bytes == 1088);
}

TEST_CASE("buffers that live together do not") {
  Placement p = placed({arena(1000, 0, 2), arena(1000, 2, 3)});
  CHECK(!share(p, 0, 1));
}

TEST_CASE("a slot is shared by its buffers and by no other") {
  Placement p =
      placed({arena(64, 0, 0, 7), arena(64, 3, 3, 7), arena(64, 1, 1), arena(64, 0, 0, 8)});
  CHECK(p.offsets[0] == p.offsets[1]);
  CHECK(!share(p, 0, 2));
  CHECK(!share(p, 0, 3));
}

TEST_CASE("a buffer with a pattern has memory of its own") {
  Buffer filled = arena(64, 0, 0);
  filled.pattern = "x";
  CHECK(!share(placed({filled, arena(64, 1, 1)}), 0, 1));
}

TEST_CASE("equal neighbours differ in the low bits of their addresses") {
  Placement p = placed({arena(8192, 0, 2), arena(8192, 0, 2), arena(8192, 0, 2)});
  CHECK(p.offsets[0] % 4096 != p.offsets[1] % 4096);
  CHECK(p.offsets[1] % 4096 != p.offsets[2] % 4096);
}

TEST_CASE("a gap is used again") {
  // The big one ends before the two small ones begin.
  Placement p = placed({arena(4096, 0, 1), arena(1024, 2, 3), arena(1024, 2, 3), arena(64, 0, 3)});
  CHECK(p.arena_bytes <= 4096 + 64 + 128);
}

TEST_CASE("only what lives in the arena is placed; sizes are known for all") {
  auto p = place(sample(), {2, 0});
  REQUIRE(p.ok());
  CHECK(p->offsets[0] == -1);
  CHECK(p->offsets[5] == -1);
  CHECK(p->bytes == Vec<int64_t>{32, 32, 32, 32, 256, 64});
}

TEST_CASE("sizes without a value, and too big ones, are errors") {
  auto negative = place(sample(), {-2, 0});
  REQUIRE(!negative.ok());
  CHECK(negative.error().first().message ==
        "a buffer's size batch * 16 has no value for these dims");
  CHECK(negative.error().exit_code() == static_cast<int>(Exit::kShape));
  auto huge = place(sample(), {int64_t{1} << 50, 0});
  REQUIRE(!huge.ok());
  CHECK(huge.error().exit_code() == static_cast<int>(Exit::kLimit));
}

TEST_CASE("random lifetimes never clash") {
  std::mt19937 random(3);
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    Vec<Buffer> buffers;
    for (int i = 0; i < 30; ++i) {
      uint32_t first = below(20);
      buffers.push_back(arena(below(5000), first, first + below(6), below(8) == 0 ? below(3) : -1));
      if (buffers.back().slot >= 0) buffers.back().bytes = Extent::constant(512);
    }
    Placement p = placed(buffers);
    for (size_t a = 0; a < buffers.size(); ++a) {
      CHECK(p.offsets[a] % 64 == 0);
      CHECK(p.offsets[a] + p.bytes[a] <= p.arena_bytes);
      for (size_t b = 0; b < a; ++b) {
        bool same_slot = buffers[a].slot >= 0 && buffers[a].slot == buffers[b].slot;
        bool together = buffers[a].first <= buffers[b].last && buffers[b].first <= buffers[a].last;
        bool slotted = buffers[a].slot >= 0 || buffers[b].slot >= 0;
        if (!same_slot && (together || slotted)) CHECK(!share(p, a, b));
        if (same_slot) CHECK(p.offsets[a] == p.offsets[b]);
      }
    }
  }
}

}  // namespace
}  // namespace rlx::image
