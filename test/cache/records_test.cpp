// Listing, explaining a miss, counting, checking.
#include "cache/records.h"

#include "cache/check.h"
#include "cache/codes.h"
#include "cache/collect.h"
#include "cache/events.h"
#include "cache/inflight.h"
#include "cache/names.h"
#include "test/cache/fixture.h"
#include "test/cache/process.h"

namespace rlx::cache {
namespace {

Entry made_from(const std::string& key, Inputs inputs) {
  Entry entry = example(key);
  entry.inputs = std::move(inputs);
  return entry;
}

TEST_CASE("records come in the order of their keys, damaged ones with their reason") {
  Cache cache;
  Store store = cache.open();
  for (const char* key : {"b", "a", "c"}) put(store, example(key));
  overwrite(cache.file("b.meta.json"), "{}");
  overwrite(cache.file("not a key.meta.json"), "{}");
  Vec<std::string> keys;
  for_each_record(store.root(), [&](const Record& r) {
    keys.push_back(r.key);
    CHECK(r.entry.ok() == (r.key != "b"));
  });
  CHECK(keys == Vec<std::string>{"a", "b", "c"});
}

TEST_CASE("a miss is explained by the entry that differs least") {
  Cache cache;
  Store store = cache.open();
  CHECK(!nearest(store, "k", {{"graph", "g"}}));
  put(store, made_from("far", {{"graph", "h"}, {"target", "v3"}, {"weights", "w"}}));
  put(store, made_from("near", {{"dim batch", "8"}, {"graph", "g"}, {"target", "v3"}}));
  auto found = nearest(store, "k", {{"dim batch", "4"}, {"graph", "g"}, {"target", "v3"}});
  REQUIRE(found);
  CHECK(to_text(*found) == "the nearest entry is near: dim batch is 8 there and 4 here");
}

TEST_CASE("what only one side has differs; digests are not told apart letter by letter") {
  std::string a(64, 'a'), b(64, 'b');
  Vec<Difference> all = differences({{"dim seq", "128"}, {"compiler", a}}, {{"compiler", b}});
  REQUIRE(all.size() == 2);
  CHECK(to_text(all[0]) == "compiler differs");
  CHECK(to_text(all[1]) == "dim seq is none there and 128 here");
  CHECK(differences({{"graph", a}, {"weights", a}}, {{"graph", b}, {"weights", b}}).size() == 1);
}

TEST_CASE("what was written when an entry was can be read") {
  Cache cache;
  Store store = cache.open();
  put(store);
  auto stats = read_stats(store.root(), "resnet50-cpu");
  REQUIRE(stats);
  CHECK(stats->stats.compile_ms == 7);
  CHECK(stats->stats.producer == "test");
  CHECK(!read_stats(store.root(), "other"));
}

TEST_CASE("events are counted by kind and key, and a second look at a miss is none") {
  Cache cache;
  Store store = cache.open();
  look(store);
  CHECK(store.lookup("resnet50-cpu", {.again = true}).ok());
  put(store);
  look(store);
  look(store);
  auto all = tally_events(store.root(), 0);
  CHECK(all[Event::kAbsent].count == 1);
  CHECK(all[Event::kStored].sum == 7);
  CHECK(all[Event::kHit].keys["resnet50-cpu"] == 2);
  CHECK(tally_events(store.root(), INT64_MAX).empty());
  std::ofstream(cache.file("stats/events"), std::ios::app) << "h 12\nnonsense\n\xff\n";
  CHECK(tally_events(store.root(), 0)[Event::kHit].count == 2);
  forget_events(store.root());
  CHECK(tally_events(store.root(), 0).empty());
}

TEST_CASE("a check finds each kind of damage, and repair sets it aside") {
  Cache cache;
  Store store = cache.open();
  for (const char* key : {"whole", "lir", "meta"}) put(store, example(key));
  overwrite(cache.file("lir.lir.json"), "{}");
  overwrite(cache.file("meta.meta.json"), "{}");
  Vec<Finding> findings = *check(store, {}, false);
  REQUIRE(findings.size() == 3);
  CHECK(findings[0].kind == Finding::Kind::kDamaged);
  CHECK(findings[1].kind == Finding::Kind::kDamaged);
  CHECK(findings[2].kind == Finding::Kind::kWhole);
  REQUIRE(check(store, {}, true).ok());
  CHECK(check(store, {}, false)->size() == 1);
  CHECK(fs::exists(cache.file("quarantine/lir.meta.json")));
  Vec<Finding> one = *check(store, {"whole"}, false);
  REQUIRE(one.size() == 1);
  CHECK(one[0].kind == Finding::Kind::kWhole);
}

TEST_CASE("what is removed and made again during a check is no damage") {
  Cache cache;
  (void)cache.open();
  pid_t other = start([&] {
    Store store = cache.open();
    for (int i = 0; i < 150; ++i) {
      std::string key = "k" + std::to_string(i % 3);
      put(store, example(key));
      // Record, LIR, then the blobs that no entry names any more.
      if (!remove(store, key)) return 1;
      if (!collect(store, {}).ok()) return 2;
    }
    return 0;
  });
  Store store = cache.open();
  int status = 0;
  while (::waitpid(other, &status, WNOHANG) == 0) {
    auto findings = check(store, {}, false);
    REQUIRE(findings.ok());
    for (const Finding& f : *findings) {
      INFO(f.what);
      CHECK(f.kind == Finding::Kind::kWhole);
    }
  }
  CHECK(status == 0);
}

TEST_CASE("a progress note says who is at work, and ends with the work") {
  Cache cache;
  Store store = cache.open();
  {
    InflightNote note(store.root(), "some-key");
    note.phase("generating code");
    CHECK(progress_of(store.root(), "some-key").find("generating code") != std::string::npos);
    InflightNote other = std::move(note);
    CHECK(!progress_of(store.root(), "some-key").empty());
  }
  CHECK(progress_of(store.root(), "some-key").empty());
  CHECK(fs::is_empty(cache.file("inflight")));
}

}  // namespace
}  // namespace rlx::cache
