#include "cache/lock.h"

#include <csignal>
#include <thread>

#include "test/cache/fixture.h"
#include "test/cache/process.h"

namespace rlx::cache {
namespace {

constexpr auto kAtOnce = std::chrono::milliseconds(0);

// What a tool does: look, wait for whoever compiles, look again, compile. 1 if it compiled, 0 on a
// hit. Without the test framework's macros, which are not for threads.
int compile_or_hit(const Cache& cache, const std::string& key) {
  auto opened = Store::open(cache.options());
  if (!opened) return 100;
  Store& store = *opened;
  if (store.lookup(key)->hit) return 0;
  KeyLock lock = store.lock(key);
  if (store.lookup(key)->hit) return 0;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (const std::string& bytes : {kImage, kForm}) {
    if (!store.put_blob(sha256(bytes_of(bytes)), bytes_of(bytes))) return 100;
  }
  return store.publish(lock, example(key), kLir) ? 1 : 100;
}

TEST_CASE("a key is locked once, by process or thread, and other keys are free") {
  Cache cache;
  Store store = cache.open();
  KeyLock lock = store.lock("a");
  CHECK(lock.held());
  CHECK(!store.lock("a", kAtOnce).held());
  CHECK(store.lock("b", kAtOnce).held());
  CHECK(run_child([&] { return cache.open().lock("a", kAtOnce).held() ? 1 : 0; }) == 0);
  lock = {};
  CHECK(store.lock("a", kAtOnce).held());
}

TEST_CASE("the lock of a killed process is free") {
  Cache cache;
  Store store = cache.open();
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  pid_t child = start([&]() -> int {
    Store own = cache.open();
    KeyLock lock = own.lock("a");
    char byte = lock.held() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1) return 1;
    for (;;) ::pause();
  });
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  CHECK(!store.lock("a", kAtOnce).held());
  REQUIRE(::kill(child, SIGKILL) == 0);
  wait_for(child);
  CHECK(store.lock("a").held());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("many processes that want one key compile it once") {
  for (int round = 0; round < 5; ++round) {
    Cache cache;
    Vec<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(start([&] { return compile_or_hit(cache, "resnet50-cpu"); }));
    }
    int compiled = 0;
    for (pid_t child : children) compiled += wait_for(child);
    CHECK(compiled == 1);
    CHECK(look(cache.open()).hit);
  }
}

TEST_CASE("threads of one process compile a key once") {
  Cache cache;
  Store store = cache.open();
  std::atomic<int> compiled = 0;
  Vec<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { compiled += compile_or_hit(cache, "resnet50-cpu"); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(compiled == 1);
}

TEST_CASE("threads may store blobs of one store at once") {
  Cache cache;
  Store store = cache.open();
  std::atomic<int> failed = 0;
  Vec<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        std::string bytes = "blob " + std::to_string(i);
        BlobRef blob = ref_of(bytes, Role::kForm);
        failed += !store.put_blob(blob.digest, bytes_of(bytes)) || !store.blob(blob);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 0);
}

TEST_CASE("a writer killed at any moment leaves a miss or the whole entry") {
  for (int delay_us = 0; delay_us < 4000; delay_us += 100) {
    Cache cache;
    (void)cache.open();
    pid_t child = start([&]() -> int {
      for (;;) {
        Store store = cache.open();
        Entry entry = example();
        for (const std::string& bytes : {kImage, kForm}) {
          (void)store.put_blob(sha256(bytes_of(bytes)), bytes_of(bytes));
        }
        KeyLock lock = store.lock(entry.key);
        (void)store.publish(lock, entry, kLir);
        fs::remove(cache.file("resnet50-cpu.meta.json"));
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
    REQUIRE(::kill(child, SIGKILL) == 0);
    wait_for(child);
    Store store = cache.open();
    Lookup found = look(store);
    CHECK((found.hit || found.why == Lookup::Why::kAbsent));
    CHECK(compile_or_hit(cache, "resnet50-cpu") <= 1);
    CHECK(look(store).hit);
    CHECK(!fs::exists(cache.file("tmp")));
  }
}

TEST_CASE("without a lock file everything goes on") {
  Cache cache;
  Store store = cache.open();
  fs::remove(cache.file("lock"));
  CHECK(!store.lock("a", kAtOnce).held());
  put(store);
  CHECK(look(store).hit);
}

}  // namespace
}  // namespace rlx::cache
