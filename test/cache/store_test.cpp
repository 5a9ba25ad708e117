#include "cache/store.h"

#include <sys/stat.h>

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

using Why = Lookup::Why;

mode_t mode_of(const fs::path& path) {
  struct stat s;
  REQUIRE(::lstat(path.c_str(), &s) == 0);
  return s.st_mode & 07777;
}

bool is_empty_or_absent(const fs::path& path) { return !fs::exists(path) || fs::is_empty(path); }

TEST_CASE("what was published is found") {
  Cache cache;
  Store store = cache.open();
  CHECK(look(store).why == Why::kAbsent);
  CHECK(look(store).reason == "resnet50-cpu.meta.json is missing");
  put(store);

  Lookup found = look(cache.open());
  REQUIRE(found.hit);
  Entry wanted = example();
  wanted.lir = sha256(bytes_of(kLir));
  wanted.lir_size = static_cast<int64_t>(kLir.size());
  CHECK(*found.hit == wanted);
  CHECK(found.lir == kLir);
  CHECK(text_of(store.blob(wanted.blobs[0])->bytes()) == kImage);
  CHECK(text_of(store.blob(*wanted.find(Role::kForm))->bytes()) == kForm);
}

TEST_CASE("a start from an image reads no LIR") {
  Cache cache;
  Store store = cache.open();
  put(store);
  auto found = store.lookup("resnet50-cpu", {.lir = false});
  REQUIRE(found->hit);
  CHECK(found->lir.empty());
  CHECK(*store.lir(*found->hit) == kLir);
}

TEST_CASE("the folder is private, marked as a cache and holds nothing temporary") {
  Cache cache;
  Store store = cache.open();
  put(store);
  CHECK(mode_of(cache.root()) == 0700);
  CHECK(slurp(cache.file("CACHEDIR.TAG"))
            .starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
  CHECK(slurp(cache.file("rlx-cache.json")) == "{\"format\": 1, \"mode\": \"private\"}\n");
  CHECK(mode_of(cache.file("resnet50-cpu.meta.json")) == 0444);
  CHECK(mode_of(cache.file("resnet50-cpu.lir.json")) == 0444);
  CHECK(mode_of(cache.blob_file(sha256(bytes_of(kImage)))) == 0444);
  CHECK(is_empty_or_absent(cache.file("tmp")));
  CHECK(is_empty_or_absent(cache.file("inflight")));
}

TEST_CASE("two compiles give the same bytes; times stand elsewhere") {
  Cache one, two;
  Store first = one.open(), second = two.open();
  put(first);
  put(second);
  for (std::string name : {"resnet50-cpu.meta.json", "resnet50-cpu.lir.json"}) {
    CHECK(slurp(one.file(name)) == slurp(two.file(name)));
  }
  CHECK(slurp(one.file("stats/resnet50-cpu.json")).find("\"compile_ms\": 7") != std::string::npos);
}

TEST_CASE("every durability stores the same") {
  Cache cache;
  for (Durability durability : {Durability::kFast, Durability::kSafe, Durability::kFull}) {
    Options options = cache.options();
    options.durability = durability;
    Store store = cache.open(options);
    Entry entry = example("key" + std::to_string(static_cast<int>(durability)));
    put(store, entry);
    CHECK(look(store, entry.key).hit);
  }
}

TEST_CASE("publishing replaces another entry and keeps the same one") {
  Cache cache;
  Store store = cache.open();
  put(store);
  auto inode = [&] {
    struct stat s;
    REQUIRE(::stat(cache.file("resnet50-cpu.meta.json").c_str(), &s) == 0);
    return s.st_ino;
  };
  auto before = inode();
  put(store);
  CHECK(inode() == before);

  Entry other = example();
  other.action = sha256(bytes_of("other"));
  put(store, other);
  CHECK(look(store).hit->action == other.action);
}

TEST_CASE("a key of the user's choice hits only for the same request") {
  Cache cache;
  Store store = cache.open();
  put(store);
  CHECK(store.lookup("resnet50-cpu", {.action = example().action})->hit);
  auto found = store.lookup("resnet50-cpu", {.action = sha256(bytes_of("other"))});
  CHECK(!found->hit);
  CHECK(found->why == Why::kOtherAction);
  CHECK(found->reason == "resnet50-cpu was made from another request");
}

TEST_CASE("modes") {
  Cache cache;
  Store writer = cache.open();
  put(writer);
  Options options = cache.options();

  options.mode = Mode::kReadOnly;
  Store reader = cache.open(options);
  CHECK(look(reader).hit);
  Entry other = example("other");
  put(reader, other);
  CHECK(look(reader, "other").why == Why::kAbsent);

  options.mode = Mode::kOff;
  Store off = cache.open(options);
  CHECK(look(off).why == Why::kOff);
  put(off, other);

  options.mode = Mode::kRefresh;
  Store refresh = cache.open(options);
  CHECK(look(refresh).why == Why::kRefresh);
  put(refresh, other);
  CHECK(look(writer, "other").hit);
}

TEST_CASE("a read-only cache that is not there is a miss and is not made") {
  Cache cache;
  Options options = cache.options();
  options.mode = Mode::kReadOnly;
  CHECK(look(cache.open(options)).why == Why::kOff);
  CHECK(!fs::exists(cache.root()));
}

TEST_CASE("an entry is not published without its blobs") {
  Cache cache;
  Options options = cache.options();
  options.strict = true;
  Store store = cache.open(options);
  KeyLock lock = store.lock("resnet50-cpu");
  auto status = store.publish(lock, example(), kLir);
  CHECK(status.error().first().code == kMissing);
  CHECK(status.error().first().message.ends_with("(cpu) is missing"));
  CHECK(look(store).why == Why::kAbsent);
}

TEST_CASE("external constants are named and need not be stored") {
  Cache cache;
  Store store = cache.open();
  Entry entry = example();
  entry.blobs.push_back(ref_of("in the model's file", Role::kExternal));
  put(store, entry);
  CHECK(look(store).hit->blobs.size() == 3);
  CHECK(store.blob(entry.blobs[2]).error().first().code == kMissing);
}

TEST_CASE("blobs that are not what they are said to be are refused") {
  Cache cache;
  Store store = cache.open();
  Digest digest = sha256(bytes_of(kImage));
  CHECK(store.put_blob(digest, bytes_of("other bytes")).error().first().code == kChanged);
  CHECK(!store.contains(digest, 11));
  REQUIRE(store.put_blob(digest, bytes_of(kImage)).ok());
  CHECK(store.contains(digest, 11));
  CHECK(!store.contains(digest, 12));
}

TEST_CASE("empty and large blobs") {
  Cache cache;
  Store store = cache.open();
  for (size_t size : {size_t{0}, size_t{1}, size_t{3} << 20}) {
    std::string bytes(size, 'w');
    for (Role role : {Role::kImage, Role::kWeights}) {
      BlobRef blob = ref_of(bytes, role);
      REQUIRE(store.put_blob(blob.digest, bytes_of(bytes)).ok());
      auto read = store.blob(blob);
      REQUIRE(read.ok());
      CHECK(text_of(read->bytes()) == bytes);
      CHECK(reinterpret_cast<uintptr_t>(read->bytes().data()) % 4096 == 0);
    }
  }
}

TEST_CASE("hostile keys reach no file") {
  Cache cache;
  Store store = cache.open();
  std::string longest(160, 'k');
  CHECK(look(store, longest).why == Why::kAbsent);
  for (const std::string& key :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string("/etc/passwd"), std::string("a..b"), std::string("-k"), std::string("_k"),
        std::string("k\n"), std::string("k\0x", 3), std::string("k%2e"), std::string("k\\x"),
        std::string("\xC3\xA9"), std::string(161, 'k'), std::string(4096, 'k'),
        std::string("k ")}) {
    auto found = store.lookup(key);
    REQUIRE(!found.ok());
    CHECK(found.error().first().code == kBadKey);
    CHECK(found.error().first().message.size() < 120);
    Entry entry = example(key);
    KeyLock none;
    CHECK(store.publish(none, entry, kLir).error().first().code == kBadKey);
  }
}

TEST_CASE("variants of the longest key fit a file name") {
  Cache cache;
  Store store = cache.open();
  Entry entry = example(std::string(160, 'k'));
  put(store, entry);
  CHECK(look(store, entry.key).hit);
}

}  // namespace
}  // namespace rlx::cache
