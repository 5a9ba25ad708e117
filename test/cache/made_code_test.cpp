#include "cache/made_code.h"

#include "cache/leftovers.h"
#include "test/cache/fixture.h"

// Machine code that a driver made: found as it was kept, or not at all.
namespace rlx::cache {
namespace {

const Digest kName = sha256(bytes_of("PTX, driver, architecture"));

TEST_CASE("made code is found by its name, in another process too") {
  const Cache cache;
  const std::string code(
      "\x7f"
      "ELF\0\n code",
      11);
  const Store store = cache.open();
  CHECK(!find_made_code(store, kName));
  note_made_code(store, kName, code);
  CHECK(find_made_code(cache.open(), kName) == code);
  CHECK(!find_made_code(store, sha256(bytes_of("another driver"))));
  note_made_code(store, kName, "made again");
  CHECK(find_made_code(store, kName) == "made again");
}

TEST_CASE("damaged code is not found") {
  const Cache cache;
  const Store store = cache.open();
  note_made_code(store, kName, "machine code");
  const fs::path file = cache.file("jit/" + kName.hex());
  const std::string whole = slurp(file);
  for (const size_t at : {size_t{0}, size_t{63}, size_t{64}, whole.size() - 1}) {
    std::string flipped = whole;
    flipped[at] ^= 1;
    overwrite(file, flipped);
    CHECK(!find_made_code(store, kName));
  }
  for (const size_t size : {size_t{0}, size_t{64}, size_t{65}, whole.size() - 1}) {
    overwrite(file, whole.substr(0, size));
    CHECK(!find_made_code(store, kName));
  }
}

TEST_CASE("nothing is kept where nothing may be written, nor found where all is made anew") {
  const Cache cache;
  Options options = cache.options();
  note_made_code(cache.open(), kName, "machine code");
  options.mode = Mode::kReadOnly;
  CHECK(find_made_code(cache.open(options), kName) == "machine code");
  note_made_code(cache.open(options), kName, "other code");
  CHECK(find_made_code(cache.open(options), kName) == "machine code");
  options.mode = Mode::kRefresh;
  CHECK(!find_made_code(cache.open(options), kName));
  options.mode = Mode::kOff;
  CHECK(!find_made_code(cache.open(options), kName));
}

TEST_CASE("what nobody made for long is a leftover") {
  const Cache cache;
  const Store store = cache.open();
  note_made_code(store, kName, "machine code");
  CHECK(remove_leftovers(store.root()).files == 0);
  const fs::path file = cache.file("jit/" + kName.hex());
  fs::last_write_time(file, fs::last_write_time(file) - std::chrono::hours(24 * 100));
  CHECK(remove_leftovers(store.root()).files == 1);
  CHECK(!find_made_code(store, kName));
}

}  // namespace
}  // namespace rlx::cache
