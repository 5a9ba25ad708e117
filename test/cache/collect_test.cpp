// The collector: what goes, what stays, and that nobody who uses the cache notices.
#include "cache/collect.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "cache/names.h"
#include "cache/records.h"
#include "test/cache/fixture.h"
#include "test/cache/process.h"

namespace rlx::cache {
namespace {

constexpr int64_t kDay = 86'400;

// An entry with a blob of its own, of so many bytes, that took so long.
Entry put_sized(Store& store, const std::string& key, size_t bytes, int64_t compile_ms = 1) {
  Publication hold = store.publishing();
  std::string blob = key + std::string(bytes, 'x');
  Entry entry = example(key);
  entry.blobs = {ref_of(blob, Role::kForm)};
  REQUIRE(store.put_blob(entry.blobs[0].digest, bytes_of(blob)).ok());
  KeyLock lock = store.lock(key);
  REQUIRE(store.publish(lock, entry, kLir, {.compile_ms = compile_ms, .producer = "test"}).ok());
  return entry;
}

void age(const fs::path& file, int64_t seconds) {
  struct timespec times[2] = {};
  ::clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= seconds;
  times[1] = times[0];
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

Collected run(const Store& store, CollectOptions options) {
  options.limits.free_percent = 0;
  auto done = collect(store, options);
  REQUIRE(done.ok());
  return std::move(*done);
}

Vec<std::string> keys_of(const Cache& cache) {
  Vec<std::string> keys;
  for_each_record(cache.open().root(), [&](const Record& r) { keys.push_back(r.key); });
  return keys;
}

TEST_CASE("a cache inside its limits is left as it is") {
  Cache cache;
  Store store = cache.open();
  put(store);
  Collected done = run(store, {});
  CHECK(done.victims.empty());
  CHECK(done.orphans == 0);
  CHECK(done.entries == 1);
  CHECK(look(store).hit);
}

TEST_CASE("what took long to make outlives what did not") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "cheap", 10'000, 1);
  put_sized(store, "dear", 10'000, 60'000);
  for (const char* key : {"cheap", "dear"}) age(cache.file(std::string(key) + ".meta.json"), kDay);
  Collected done = run(store, {.limits = {.max_bytes = 15'000}});
  REQUIRE(done.victims.size() == 1);
  CHECK(done.victims[0].key == "cheap");
  CHECK(done.victims[0].bytes > 10'000);
  CHECK(keys_of(cache) == Vec<std::string>{"dear"});
  CHECK(done.bytes <= 15'000);
  CHECK(!fs::exists(cache.file("cheap.lir.json")));
  CHECK(!fs::exists(cache.file("stats/cheap.json")));
}

TEST_CASE("entries go for their age, and a hit makes them young") {
  Cache cache;
  Store store = cache.open();
  for (const char* key : {"old", "used"}) {
    put_sized(store, key, 10);
    age(cache.file(std::string(key) + ".meta.json"), 40 * kDay);
  }
  CHECK(look(store, "used").hit);
  Collected done = run(store, {.limits = {.max_age_s = 30 * kDay}});
  REQUIRE(done.victims.size() == 1);
  CHECK(done.victims[0].why == "unused for 40 d");
  CHECK(keys_of(cache) == Vec<std::string>{"used"});
}

TEST_CASE("files are counted too") {
  Cache cache;
  Store store = cache.open();
  for (int i = 0; i < 4; ++i) put_sized(store, "e" + std::to_string(i), 10);
  Collected done = run(store, {.limits = {.max_files = 7}});
  CHECK(done.victims.size() == 2);
  CHECK(done.files == 6);
}

TEST_CASE("pinned entries stay, whatever the limits") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "kept", 1000);
  put_sized(store, "gone", 1000);
  REQUIRE(pin(store, "kept").ok());
  run(store, {.limits = {.max_bytes = 0}});
  CHECK(keys_of(cache) == Vec<std::string>{"kept"});
  CHECK(*unpin(store, "kept"));
  run(store, {.limits = {.max_bytes = 0}});
  CHECK(keys_of(cache).empty());
}

TEST_CASE("a blob stays while one entry names it") {
  Cache cache;
  Store store = cache.open();
  put(store, example("a"));
  put(store, example("b"));
  REQUIRE(remove(store, "a").ok());
  run(store, {});
  CHECK(fs::exists(cache.blob_file(sha256(bytes_of(kImage)))));
  REQUIRE(remove(store, "b").ok());
  Collected done = run(store, {});
  CHECK(done.orphans == 2);
  CHECK(!fs::exists(cache.blob_file(sha256(bytes_of(kImage)))));
}

TEST_CASE("blobs stay while somebody publishes who may be about to name them") {
  Cache cache;
  Store store = cache.open();
  {
    Publication hold = store.publishing();
    REQUIRE(store.put_blob(sha256(bytes_of(kImage)), bytes_of(kImage)).ok());
    Collected done = run(store, {.patience = std::chrono::milliseconds(5)});
    CHECK(done.busy);
    CHECK(fs::exists(cache.blob_file(sha256(bytes_of(kImage)))));
  }
  CHECK(run(store, {}).orphans == 1);
  CHECK(!fs::exists(cache.blob_file(sha256(bytes_of(kImage)))));
}

TEST_CASE("a dry run says the same and removes nothing") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "a", 1000);
  Collected dry = run(store, {.limits = {.max_bytes = 0}, .dry_run = true});
  CHECK(dry.victims.size() == 1);
  CHECK(look(store, "a").hit);
  Collected wet = run(store, {.limits = {.max_bytes = 0}});
  CHECK(wet.victims.size() == 1);
  CHECK(wet.victims[0].bytes == dry.victims[0].bytes);
}

// A whole record that says another format.
void put_foreign(const Cache& cache, const std::string& like) {
  std::string lines = slurp(cache.file(like + ".meta.json"));
  lines.replace(lines.find("\"format\": 1"), 11, "\"format\": 9");
  size_t self = lines.find("  \"self\"");
  std::string others = lines;
  others.erase(self, others.find('\n', self) - self + 1);
  lines.replace(self + 11, 64, sha256(bytes_of(others)).hex());
  overwrite(cache.file("future.meta.json"), lines);
}

TEST_CASE("a foreign record stays whatever the limits, and with it all blobs") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "good", 10);
  put_foreign(cache, "good");
  REQUIRE(store.put_blob(sha256(bytes_of(kForm)), bytes_of(kForm)).ok());
  Collected done = run(store, {.limits = {.max_bytes = 0}});
  CHECK(done.victims.empty());
  CHECK(done.orphans == 0);
  CHECK(fs::exists(cache.file("future.meta.json")));
  CHECK(fs::exists(cache.blob_file(sha256(bytes_of(kForm)))));
  CHECK(look(store, "good").hit);
}

TEST_CASE("a damaged record goes with its blobs") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "bad", 10);
  overwrite(cache.file("bad.meta.json"), "{}");
  Collected done = run(store, {.limits = {.max_bytes = 0}});
  CHECK(done.victims.size() == 1);
  CHECK(keys_of(cache).empty());
}

TEST_CASE("where there is no moment to sweep, blobs of what stays stay") {
  Cache cache;
  Store store = cache.open();
  Entry entry = put_sized(store, "a", 1000);
  {
    Publication hold = store.publishing();
    Collected done =
        run(store, {.limits = {.max_bytes = 0}, .patience = std::chrono::milliseconds(5)});
    CHECK(done.busy);
    CHECK(done.victims.empty());
  }
  REQUIRE(look(store, "a").hit);
  CHECK(store.blob(entry.blobs[0]).ok());
}

TEST_CASE("entries of another toolchain go where that is asked") {
  Cache cache;
  Store store = cache.open();
  put(store);
  CHECK(run(store, {.current_toolchain = example().toolchain}).victims.empty());
  Collected done =
      run(store, {.current_toolchain = std::map<std::string, std::string>{{"llvm", "23"}}});
  REQUIRE(done.victims.size() == 1);
  CHECK(done.victims[0].why == "made by another toolchain");
}

TEST_CASE("times of the future are not negative ages") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "a", 10);
  age(cache.file("a.meta.json"), -3650 * kDay);
  CHECK(run(store, {.limits = {.max_age_s = kDay}}).victims.empty());
}

TEST_CASE("a clock that jumped removes nothing for its age") {
  Cache cache;
  Store store = cache.open();
  put_sized(store, "a", 10);
  run(store, {});
  age(cache.file("a.meta.json"), 4000 * kDay);
  age(cache.file("stats/collected"), 4000 * kDay);
  CHECK(run(store, {.limits = {.max_age_s = kDay}}).victims.empty());
  // The collection before has set the clock right.
  CHECK(run(store, {.limits = {.max_age_s = kDay}}).victims.size() == 1);
}

TEST_CASE("what crashed processes left is cleared away") {
  Cache cache;
  Store store = cache.open();
  put(store);
  for (const char* folder : {"tmp", "inflight", "stamps"}) {
    fs::create_directories(cache.file(folder));
  }
  for (const char* file : {"tmp/0123", "orphan.lir.json", "stamps/verified-other-boot"}) {
    overwrite(cache.file(file), "x");
    age(cache.file(file), 2 * 3600);
  }
  overwrite(cache.file("inflight/some-key.json"), "{}");
  overwrite(cache.file("tmp/young"), "x");
  Collected done = run(store, {});
  CHECK(done.orphans == 4);
  CHECK(fs::exists(cache.file("tmp/young")));
  CHECK(look(store).hit);
}

TEST_CASE("one collector at a time, and it does not wait for another") {
  Cache cache;
  Store store = cache.open();
  CollectorLock lock = CollectorLock::acquire(store.root(), std::chrono::seconds(0));
  REQUIRE(lock.held());
  CHECK(run(store, {}).other_collects);
}

TEST_CASE("a collector that may wait goes on when the other one ends") {
  Cache cache;
  Store store = cache.open();
  CollectorLock lock = CollectorLock::acquire(store.root(), std::chrono::seconds(0));
  REQUIRE(lock.held());
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    lock = {};
  });
  auto done = collect(store, {.wait = std::chrono::minutes(1)});
  other.join();
  REQUIRE(done.ok());
  CHECK(!done->other_collects);
}

TEST_CASE("a publish collects when the interval is over") {
  Cache cache;
  Options options = cache.options();
  options.limits = {.max_bytes = 3000, .free_percent = 0, .interval_s = 0};
  Store store = cache.open(options);
  for (int i = 0; i < 20; ++i) put_sized(store, "e" + std::to_string(i), 500);
  CHECK(keys_of(cache).size() < 6);
  CHECK(keys_of(cache).size() >= 1);
}

TEST_CASE("readers and writers beside a collector see whole entries or none") {
  Cache cache;
  {
    Store store = cache.open();
  }
  Vec<pid_t> writers;
  for (int w = 0; w < 3; ++w) {
    writers.push_back(start([&, w] {
      Store store = cache.open();
      for (int i = 0; i < 60; ++i) {
        std::string key = "w" + std::to_string(w) + "-" + std::to_string(i % 5);
        PublishLock hold = PublishLock::acquire(store.root());
        Entry entry = put_sized(store, key, 2000);
        auto found = store.lookup(key);
        if (!found.ok() || found->why == Lookup::Why::kDamaged) return 1;
        // Nobody collects while it is held: what was just published is there with its blob.
        if (!found->hit || !store.blob(entry.blobs[0]).ok()) return 2;
      }
      return 0;
    }));
  }
  pid_t collector = start([&] {
    Store store = cache.open();
    for (int i = 0; i < 60; ++i) {
      auto done = collect(store, {.limits = {.max_bytes = 5000, .free_percent = 0}});
      if (!done.ok()) return 1;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return 0;
  });
  for (pid_t w : writers) CHECK(wait_for(w) == 0);
  CHECK(wait_for(collector) == 0);
  Store store = cache.open();
  run(store, {});
  for_each_record(store.root(), [&](const Record& r) {
    REQUIRE(r.entry.ok());
    CHECK(store.blob(r.entry->blobs[0]).ok());
  });
}

}  // namespace
}  // namespace rlx::cache
