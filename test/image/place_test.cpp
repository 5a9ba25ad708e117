#include <catch2/catch.hpp>
#include <functional>
#include <map>
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

TEST_CASE("a buffer with a border shares memory") {
  Buffer filled = arena(64, 0, 0);
  filled.pattern = "x";
  filled.border = {{.offset = 0, .bytes = 1}};
  CHECK(share(placed({filled, arena(64, 1, 1)}), 0, 1));
  CHECK(!share(placed({filled, arena(64, 0, 1)}), 0, 1));
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

// The rule of image.h as a plain search over all that is placed already.
struct Plain {
  struct Request {
    size_t id;
    int64_t bytes, offset;
    uint32_t first, last;
  };

  static int64_t padded(int64_t bytes) { return (((bytes + 63) / 64) | 1) * 64; }

  static int64_t best_fit(const Vec<Request>& placed, const Request& r) {
    Vec<Request> met;
    for (const Request& other : placed) {
      if (other.first <= r.last && r.first <= other.last) met.push_back(other);
    }
    std::ranges::sort(met, {}, &Request::offset);
    int64_t best = -1, best_gap = INT64_MAX, free = 0;
    for (const Request& other : met) {
      int64_t gap = other.offset - free;
      if (gap >= r.bytes && gap < best_gap) best = free, best_gap = gap;
      free = std::max(free, other.offset + other.bytes);
    }
    return best >= 0 ? best : free;
  }

  static Vec<int64_t> offsets(const Vec<Buffer>& buffers) {
    Vec<Request> requests, placed;
    std::map<int32_t, size_t> slots;
    Vec<size_t> request_of;
    for (const Buffer& b : buffers) {
      size_t next = requests.size();
      request_of.push_back(b.slot < 0 ? next : slots.try_emplace(b.slot, next).first->second);
      if (request_of.back() != next) continue;
      bool always = b.slot >= 0;
      requests.push_back({next, padded(b.bytes.steps[0].operand), 0, always ? 0 : b.first,
                          always ? UINT32_MAX : b.last});
    }
    Vec<int64_t> by_request(requests.size()), by_buffer;
    std::ranges::stable_sort(requests, std::greater(), &Request::bytes);
    for (Request& r : requests) {
      r.offset = by_request[r.id] = best_fit(placed, r);
      placed.push_back(r);
    }
    for (size_t r : request_of) by_buffer.push_back(by_request[r]);
    return by_buffer;
  }
};

TEST_CASE("buffers lie where a plain search puts them") {
  std::mt19937 random(5);
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    uint32_t commands = 1 + below(60), longest = 1 + below(commands), sizes = 1 + below(6000);
    Vec<Buffer> buffers;
    for (uint32_t i = below(250); i-- > 0;) {
      uint32_t first = below(commands), last = std::min(commands - 1, first + below(longest));
      int32_t slot = below(12) == 0 ? static_cast<int32_t>(below(3)) : -1;
      buffers.push_back(arena(slot < 0 ? below(sizes) : 700, first, last, slot));
    }
    CHECK(placed(buffers).offsets == Plain::offsets(buffers));
  }
}

}  // namespace
}  // namespace rlx::image
