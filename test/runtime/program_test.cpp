#include "runtime/cpu/program.h"

#include "test/runtime/images.h"

namespace rlx::runtime::cpu {
namespace {

// The commands before which threads meet.
Vec<uint32_t> barriers(ImageBuilder& b, int64_t rows, int threads) {
  REQUIRE(verify(b.image()).ok());
  auto placement = place(b.image(), {rows});
  REQUIRE(placement.ok());
  auto program = make_program(b.image(), *placement, {rows}, image::told_extents(b.image()),
                              b.functions(), threads);
  REQUIRE(program.ok());
  Vec<uint32_t> found;
  for (const Step& step : program->steps) {
    if (program->turns[step.command].barrier) found.push_back(step.command);
  }
  return found;
}

// x -> a -> b -> y, where a and b are alive together.
ImageBuilder chain() {
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y");
  uint32_t first = b.arena(0, 1), second = b.arena(1, 2);
  uint32_t k = b.kernel("add_one", add_one);
  b.launch(k, {first, x});
  b.launch(k, {second, first}, {0});
  b.launch(k, {y, second}, {1});
  return b;
}

TEST_CASE("threads meet before what waits for an open command") {
  ImageBuilder b = chain();
  CHECK(barriers(b, 4, 2) == Vec<uint32_t>{1, 2});
  CHECK(barriers(b, 4, 1).empty());
}

TEST_CASE("what runs on one thread anyway needs no meeting") {
  ImageBuilder b = chain();
  CHECK(barriers(b, 1, 2).empty());
  CHECK(barriers(b, 0, 2).empty());
}

TEST_CASE("independent commands go on; one meeting serves many") {
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y"), z = b.output("z");
  uint32_t first = b.arena(0, 2), second = b.arena(1, 3);
  uint32_t k = b.kernel("add_one", add_one);
  b.launch(k, {first, x});
  b.launch(k, {second, x});
  b.launch(k, {y, first}, {0});
  b.launch(k, {z, second}, {1});
  CHECK(barriers(b, 4, 2) == Vec<uint32_t>{2});
}

TEST_CASE("memory that placement shares is waited for") {
  // The second arena buffer takes the first one's memory, and no wait says so.
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y"), z = b.output("z");
  uint32_t first = b.arena(0, 1), second = b.arena(2, 3);
  uint32_t k = b.kernel("add_one", add_one);
  b.launch(k, {first, x});
  b.launch(k, {y, first}, {0});
  b.launch(k, {second, x});
  b.launch(k, {z, second}, {2});
  CHECK(barriers(b, 4, 2) == Vec<uint32_t>{1, 2, 3});
}

TEST_CASE("tiles are split in order, each to one thread") {
  for (int64_t tiles : {0, 1, 2, 5, 8, 13}) {
    for (int threads : {1, 2, 3, 8}) {
      const Turn turn{.share = tiles / threads, .rest = tiles % threads};
      int64_t next = 0;
      for (int thread = 0; thread < threads; ++thread) {
        CHECK(turn.tiles_of(thread).first == next);
        next = turn.tiles_of(thread).last;
      }
      CHECK(next == tiles);
      CHECK((tiles != 1 || turn.tiles_of(0).last == 1));
    }
  }
}

}  // namespace
}  // namespace rlx::runtime::cpu
