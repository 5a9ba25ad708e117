// Where all threads must meet, against a look at every pair of steps.
#include "runtime/cpu/barriers.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

namespace rlx::runtime::cpu {
namespace {

struct Plain {
  const image::Image& image;
  const image::Placement& placement;
  uint32_t open = 0;
  Vec<int> owners = {};

  bool overlap(uint32_t x, uint32_t y) const {
    int64_t from_x = placement.offsets[x], from_y = placement.offsets[y];
    if (from_x < 0 || from_y < 0) return false;
    return from_x < from_y + placement.bytes[y] && from_y < from_x + placement.bytes[x];
  }

  bool conflict(uint32_t command, uint32_t earlier) const {
    const image::Command &a = image.commands[command], &b = image.commands[earlier];
    if (std::ranges::count(a.waits, earlier)) return true;
    for (uint32_t x : a.buffers) {
      for (uint32_t y : b.buffers) {
        if (x != y && overlap(x, y)) return true;
      }
    }
    return false;
  }

  bool needed_before(uint32_t command, int owner) {
    bool needed = false;
    for (uint32_t earlier = open; earlier < command; ++earlier) {
      const bool alone = owner != kAllThreads && owners[earlier] == owner;
      if (!alone) needed |= conflict(command, earlier);
    }
    if (needed) open = command;
    owners.push_back(owner);
    return needed;
  }
};

TEST_CASE("barriers stand where a look at every pair of steps puts them") {
  std::mt19937 random(7);
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int round = 0; round < 500; ++round) {
    image::Image image;
    image::Placement placement;
    uint32_t buffers = 1 + below(40), room = 1 + below(60);
    for (uint32_t b = 0; b < buffers; ++b) {
      placement.offsets.push_back(below(6) == 0 ? -1 : int64_t{64} * below(room));
      placement.bytes.push_back(1 + below(300));
    }
    uint32_t commands = 1 + below(60), solo_in = 1 + below(4);
    Vec<bool> solo;
    for (uint32_t c = 0; c < commands; ++c) {
      image::Command command;
      for (uint32_t i = below(4); i-- > 0;) command.buffers.push_back(below(buffers));
      if (c > 0 && below(4) == 0) command.waits.push_back(below(c));
      image.commands.push_back(std::move(command));
      solo.push_back(below(solo_in) == 0);
    }
    const int threads = 2 + static_cast<int>(below(3));
    const Vec<int> owners = owners_of(image, placement, solo, threads);
    Barriers barriers(image, placement);
    Plain plain{image, placement};
    for (uint32_t c = 0; c < commands; ++c) {
      CHECK((owners[c] == kAllThreads) == !solo[c]);
      CHECK(owners[c] < threads);
      CHECK(barriers.needed_before(c, owners[c]) == plain.needed_before(c, owners[c]));
      // In a run of solo steps nobody waits for another thread.
      uint32_t first = c;
      while (first > 0 && solo[c] && solo[first - 1]) --first;
      for (uint32_t e = first; e < c; ++e) {
        CHECK((owners[e] == owners[c] || !plain.conflict(c, e)));
      }
    }
  }
}

TEST_CASE("solo steps that have nothing to do with each other are on different threads") {
  image::Image image;
  image::Placement placement{.offsets = {0, 64, 128, 192}, .bytes = {64, 64, 64, 64}};
  auto add = [&](Vec<uint32_t> buffers, Vec<uint32_t> waits) {
    image::Command c;
    c.buffers = std::move(buffers);
    c.waits = std::move(waits);
    image.commands.push_back(std::move(c));
  };
  add({0}, {});
  add({1}, {});
  add({0, 2}, {0});
  add({3}, {});
  CHECK(owners_of(image, placement, {true, true, true, true}, 2) == Vec<int>{0, 1, 0, 0});
  CHECK(owners_of(image, placement, {true, true, false, true}, 4) ==
        Vec<int>{0, 1, kAllThreads, 0});
}

}  // namespace
}  // namespace rlx::runtime::cpu
