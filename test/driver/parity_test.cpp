// The rows C1 to C13 of the system that rlx succeeds: what its cache did, and what it should have done.
// test/parity.py makes docs/rlx-parity.md of the names here.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "cache/codes.h"
#include "cache/collect.h"
#include "cache/events.h"
#include "cache/names.h"
#include "cache/records.h"
#include "driver/codes.h"
#include "driver/compile_cache.h"
#include "driver/toolchain.h"
#include "ir/text.h"
#include "support/files.h"
#include "test/cache/fixture.h"

namespace rlx::driver {
namespace {

using cache::TempFolder;

// Two symbols and a constant whose value is `scale`.
std::string mir(const std::string& scale = "2.0") {
  return R"(graph "test" {
  symbol batch = input 0 axis 0, max 64
  symbol seq = input 0 axis 1, max 64
  %x = input "x" : f32[batch, seq, 8]
  %w = constant [)" +
         scale + R"(, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0] : f32[8]
  %y = mul(%x, %w) @ ["/scale"]
  %z = exp(%y) @ ["/exp"]
  output "z" = %z
})";
}

Graph graph(const std::string& scale = "2.0") {
  auto g = parse_graph(mir(scale));
  REQUIRE(g.ok());
  return std::move(*g);
}

class Fixture {
 public:
  CompileCache cache() const {
    auto made = CompileCache::open(root());
    REQUIRE(made.ok());
    made->options().durability = cache::Durability::kFast;
    return std::move(*made);
  }
  std::string root() const { return (folder_.path() / "cache").string(); }
  cache::fs::path path(const std::string& name) const { return folder_.path() / "cache" / name; }
  std::string model(const std::string& text) const {
    std::string file = (folder_.path() / "model.mir").string();
    REQUIRE(write_file(file, bytes_of(text)).ok());
    return file;
  }

 private:
  TempFolder folder_;
};

Built must(Result<Built> built) {
  if (!built) FAIL(to_text(built.error()));
  return std::move(*built);
}

#if RLX_WITH_LLVM

TEST_CASE("C1: opening a cache names a folder and makes nothing") {
  Fixture f;
  CompileCache cache = f.cache();
  CHECK(cache.root() == f.root());
  CHECK(!cache::fs::exists(f.root()));
}

Compiled compiled() {
  auto target = parse_target("host");
  auto made = compile(graph(), {.target = *target});
  REQUIRE(made.ok());
  return std::move(*made);
}

TEST_CASE("C2: an LIR is stored under a key, record last, with the graph's fingerprint") {
  Fixture f;
  auto target = parse_target("host");
  auto fingerprint = f.cache().put("mine", compiled(), *target);
  REQUIRE(fingerprint.ok());
  auto meta = read_file(f.path("mine.meta.json").string());
  REQUIRE(meta.ok());
  CHECK(meta->find("\"fingerprint\": \"" + fingerprint->hex()) != std::string::npos);
  CHECK(cache::fs::exists(f.path("mine.lir.json")));
  // 256 bits as text: no reader rounds it.
  CHECK(fingerprint->hex().size() == 64);
}

TEST_CASE("C3: a stored LIR is had back, verified; absence and damage are told apart") {
  Fixture f;
  auto target = parse_target("host");
  Compiled made = compiled();
  REQUIRE(f.cache().put("mine", made, *target).ok());
  auto lir = f.cache().get("mine");
  REQUIRE(lir.ok());
  CHECK(lir->groups == made.lir.groups);
  CHECK(to_json(*lir) == to_json(made.lir));
  CHECK(f.cache().get("other").error().first().code == cache::kMissing);
  cache::overwrite(f.path("mine.lir.json"), "{}");
  CHECK(f.cache().get("mine").error().first().code == cache::kDamaged);
}

TEST_CASE("C4: an entry is contained if record and LIR are whole") {
  Fixture f;
  auto target = parse_target("host");
  CHECK(!f.cache().contains("mine"));
  REQUIRE(f.cache().put("mine", compiled(), *target).ok());
  CHECK(f.cache().contains("mine"));
  cache::fs::remove(f.path("mine.meta.json"));
  CHECK(!f.cache().contains("mine"));
  CHECK(!f.cache().contains("../mine"));
}

TEST_CASE("C5: a graph is compiled once, then found") {
  Fixture f;
  Built first = must(f.cache().compile(graph(), "test"));
  CHECK(!first.hit);
  Built second = must(f.cache().compile(graph(), "test"));
  CHECK(second.hit);
  CHECK(second.key == first.key);
  CHECK(second.image == first.image);
}

TEST_CASE("C6: a model file is found without being read again") {
  Fixture f;
  std::string model = f.model(mir());
  // Not in git's racy two seconds.
  struct timespec past[2] = {{.tv_sec = 1'700'000'000}, {.tv_sec = 1'700'000'000}};
  REQUIRE(::utimensat(AT_FDCWD, model.c_str(), past, 0) == 0);
  Built first = must(f.cache().compile(model));
  Built second = must(f.cache().compile(model));
  CHECK(second.hit);
  CHECK(second.key == first.key);
  // The change of the inode was just now, so that the second start still reads; its key is the same.
  Built from_graph = must(f.cache().compile(graph(), "model.mir"));
  CHECK(from_graph.key == first.key);
}

TEST_CASE("C7: a variant is made from the stored template by another process, and stored") {
  Fixture f;
  std::string key = must(f.cache().compile(graph(), "test")).key;
  Built variant = must(f.cache().specialize(key, {{"batch", 2}, {"seq", 3}}));
  CHECK(!variant.hit);
  CHECK(variant.key.starts_with(key + "__"));
  CHECK(must(f.cache().specialize(key, {{"batch", 2}, {"seq", 3}})).hit);
  // The same as from the graph itself.
  CacheCompileOptions bound{.dims = {{"batch", 2}, {"seq", 3}}};
  Built direct = must(f.cache().compile(graph(), "test", bound));
  CHECK(direct.hit);
  CHECK(direct.key == variant.key);
}

TEST_CASE("C8: what goes wrong is an error with a code, and nothing aborts") {
  Fixture f;
  CompileCache cache = f.cache();
  auto code = [](const Result<Built>& r) { return r ? 0 : r.error().first().code; };
  CHECK(code(cache.compile("/nonexistent.onnx")) == kNoModel);
  CHECK(code(cache.compile(graph(), "test", {.target = "cpu:pdp11"})) / 1000 == 2);
  CHECK(code(cache.compile(graph(), "test", {.key = "../x"})) == cache::kBadKey);
  CHECK(code(cache.compile(graph(), "test", {.dims = {{"sek", 1}}})) / 1000 == 5);
  CHECK(code(cache.specialize("no-such-key", {{"batch", 1}})) == kNoModel);
}

TEST_CASE("C9: a key of the caller's own never gives what was made from something else") {
  Fixture f;
  CacheCompileOptions mine{.key = "mine"};
  Built a = must(f.cache().compile(graph("2.0"), "test", mine));
  CHECK(must(f.cache().compile(graph("2.0"), "test", mine)).hit);
  // Other weights, another graph as far as the cache is concerned.
  Built b = must(f.cache().compile(graph("2.5"), "test", mine));
  CHECK(!b.hit);
  CHECK(must(f.cache().compile(graph("2.5"), "test", mine)).hit);
  // Not by a stamp of the file either: it says what the entry must have been made from.
  std::string first = f.model(mir("2.0"));
  struct timespec past[2] = {{.tv_sec = 1'700'000'000}, {.tv_sec = 1'700'000'000}};
  REQUIRE(::utimensat(AT_FDCWD, first.c_str(), past, 0) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  Built stamped = must(f.cache().compile(first, mine));
  must(f.cache().compile(graph("2.5"), "test", mine));
  Built again = must(f.cache().compile(first, mine));
  CHECK(!again.hit);
  CHECK(again.image == stamped.image);
  // Keys that the tool makes differ by themselves.
  CHECK(must(f.cache().compile(graph("2.0"), "test")).key !=
        must(f.cache().compile(graph("2.5"), "test")).key);
}

TEST_CASE("C10: the order in which dims are given changes no key") {
  Fixture f;
  std::string key = must(f.cache().compile(graph(), "test")).key;
  Built ab = must(f.cache().specialize(key, {{"batch", 2}, {"seq", 3}}));
  Built ba = must(f.cache().specialize(key, {{"seq", 3}, {"batch", 2}}));
  CHECK(ba.hit);
  CHECK(ab.key == ba.key);
  CHECK(must(f.cache().specialize(key, {{"seq", 2}, {"batch", 3}})).key != ab.key);
}

TEST_CASE("C11: plan, native code and packed weights are stored, and code outlives new weights") {
  Fixture f;
  Built made = must(f.cache().compile(graph("2.0"), "test"));
  Built found = must(f.cache().compile(graph("2.0"), "test"));
  CHECK(found.image.code == made.image.code);
  CHECK(!found.blobs.empty());
  // Fine-tuned: the same structure, other weights. Nothing but the constants is another.
  Built tuned = must(f.cache().compile(graph("2.5"), "test"));
  CHECK(!tuned.hit);
  CHECK(tuned.image.code_key == made.image.code_key);
  CHECK(tuned.image.code == made.image.code);
  CHECK(tuned.image.buffers != made.image.buffers);
  // Exactly what a cache that knew nothing would have made.
  Fixture fresh;
  CHECK(must(fresh.cache().compile(graph("2.5"), "test")).image == tuned.image);
}

TEST_CASE("C12: entries are listed, verified, counted, limited, and locked while they are made") {
  Fixture f;
  CompileCache c = f.cache();
  Vec<std::thread> threads;
  std::atomic<int> built = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      auto made = CompileCache(c).compile(graph(), "test");
      if (made && !made->hit) ++built;
    });
  for (std::thread& t : threads) t.join();
  CHECK(built == 1);
  auto store = cache::Store::open(c.options());
  REQUIRE(store.ok());
  int records = 0;
  cache::for_each_record(store->root(), [&](const cache::Record& r) { records += r.entry.ok(); });
  CHECK(records == 1);
  CHECK(cache::tally_events(store->root(), 0)[cache::Event::kStored].count == 1);
  auto collected = cache::collect(*store, {.limits = {.max_bytes = 0, .free_percent = 0}});
  REQUIRE(collected.ok());
  CHECK(collected->victims.size() == 1);
  CHECK(!must(c.compile(graph(), "test")).hit);
}

TEST_CASE("C13: an entry that cannot be read is made again, and counted") {
  Fixture f;
  CompileCache c = f.cache();
  std::string key = must(c.compile(graph(), "test")).key;
  Built before = must(c.compile(graph(), "test"));
  cache::overwrite(f.path(key + ".meta.json"), "torn");
  Built again = must(c.compile(graph(), "test"));
  CHECK(!again.hit);
  CHECK(again.image == before.image);
  CHECK(must(c.compile(graph(), "test")).hit);
  auto store = cache::Store::open(c.options());
  CHECK(cache::tally_events(store->root(), 0)[cache::Event::kDamaged].count >= 1);
}

#endif

}  // namespace
}  // namespace rlx::driver
