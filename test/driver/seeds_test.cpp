// Seeds of fuzzing (test/fuzz/seeds.py): each is of the format of today, and together they have what the formats have.
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "image/codec.h"
#include "kernel/kernel.h"
#include "lir/lir.h"
#include "support/files.h"

namespace rlx {
namespace {

// A seed that is refused is none.
template <class T>
T read(Result<T> result) {
  if (!result) FAIL(to_text(result.error()));
  return std::move(*result);
}

Vec<std::string> seeds_of(std::string_view target) {
  Vec<std::string> seeds;
  const std::string folder = RLX_TEST_SOURCE_DIR "/fuzz/corpus/" + std::string(target);
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    INFO(file.path());
    seeds.push_back(read(read_file(file.path())));
    CHECK(seeds.back().size() < 16'000);
  }
  return seeds;
}

TEST_CASE("seeds of images have every kind of command, states and borders") {
  std::set<std::string_view> kinds;
  size_t states = 0, rooms = 0, borders = 0;
  Vec<std::string> seeds = seeds_of("image_fuzz");
  const std::string golden = RLX_TEST_SOURCE_DIR "/../cache-format/golden/image/";
  seeds.push_back(read(read_file(golden + std::to_string(image::kVersion))));
  for (const std::string& seed : seeds) {
    const image::Image image = read(image::decode(bytes_of(seed)));
    states += image.states.size();
    for (const image::Buffer& b : image.buffers) borders += b.border.size();
    for (const image::Command& c : image.commands) {
      kinds.insert(image::name(c.kind));
      rooms += c.room.size();
    }
  }
  CHECK(kinds ==
        std::set<std::string_view>{"copy", "fill", "give", "if", "launch", "loop", "tell"});
  CHECK(states > 0);
  CHECK(rooms > 0);
  CHECK(borders > 0);
}

TEST_CASE("seeds of LIR have states, splits, blocks, and extents that are told and given") {
  size_t states = 0, splits = 0, blocks = 0, told = 0, given = 0;
  for (const std::string& seed : seeds_of("lir_fuzz")) {
    const Lir lir = read(lir_from_json(seed, {}));
    CHECK(verify(lir).ok());
    states += lir.states.size();
    splits += lir.splits.size();
    for (const Group& g : lir.groups) {
      blocks += g.ends.size();
      given += is_given(lir, g) ? 1 : 0;
    }
    for (const Symbol& s : lir.graph.symbols) told += s.source == Symbol::Source::kData ? 1 : 0;
  }
  CHECK(states > 0);
  CHECK(splits > 0);
  CHECK(blocks > 0);
  CHECK(told > 0);
  CHECK(given > 0);
}

TEST_CASE("seeds of kernels have every kind of stage") {
  std::set<size_t> kinds;
  for (const std::string& seed : seeds_of("kernel_fuzz")) {
    for (const Kernel& k : read(parse_kernels(seed))) {
      CHECK(verify(k).ok());
      for (const Stage& s : k.stages) kinds.insert(s.detail.index());
    }
  }
  CHECK(kinds.size() == std::variant_size_v<Detail>);
}

}  // namespace
}  // namespace rlx
