#include "cache/entry.h"

#include "cache/codes.h"
#include "support/json_plain.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

// Entries in the field must stay readable, or the format's number changes: what format 1 was is
// kept for ever.
TEST_CASE("the golden entry is what we write and read") {
  fs::path golden = fs::path(RLX_TEST_SOURCE_DIR) / "../cache-format/golden/1";
  Cache cache;
  fs::create_directories(cache.root());
  fs::permissions(cache.root(), fs::perms::owner_all);
  fs::copy(golden, cache.root(), fs::copy_options::recursive);

  Store store = cache.open();
  Lookup found = look(store, "golden");
  REQUIRE(found.hit);
  CHECK(found.lir == kLir);
  Entry entry = example("golden");
  entry.lir = sha256(bytes_of(kLir));
  entry.lir_size = static_cast<int64_t>(kLir.size());
  CHECK(*found.hit == entry);
  CHECK(meta_text(entry) == slurp(golden / "golden.meta.json"));
  CHECK(text_of(store.blob(entry.blobs[0])->bytes()) == kImage);
  CHECK(text_of(store.blob(entry.blobs[1])->bytes()) == kForm);
}

TEST_CASE("an entry of nothing reads back") {
  Entry entry{.key = "k"};
  auto read = parse_meta("k", meta_text(entry));
  REQUIRE(read.ok());
  CHECK(*read == entry);
}

// A start that hits loads no library for it.
TEST_CASE("an entry is plain JSON") { CHECK(parse_plain_json(meta_text(example("k")))); }

TEST_CASE("notes and names may hold anything that is text") {
  Entry entry = example("k");
  entry.blobs[0].note = "quote \" slash \\ é \n";
  entry.inputs["const \"a\""] = {};
  entry.toolchain["\t"] = "";
  auto read = parse_meta("k", meta_text(entry));
  REQUIRE(read.ok());
  CHECK(*read == entry);
}

}  // namespace
}  // namespace rlx::cache
