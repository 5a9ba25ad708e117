// The rows C1 to C13 of the system that rlx succeeds: what its cache did, and what it should have done.
// test/parity.py makes docs/rlx-parity.md of the names here.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "cache/check.h"
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
#include "test/cache/process.h"

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

std::string flipped(std::string bytes, size_t at) {
  bytes[at] ^= 1;
  return bytes;
}

TEST_CASE("C4: an entry is contained if record and LIR are whole") {
  Fixture f;
  auto target = parse_target("host");
  CHECK(!f.cache().contains("mine"));
  REQUIRE(f.cache().put("mine", compiled(), *target).ok());
  CHECK(f.cache().contains("mine"));
  CHECK(!f.cache().contains("../mine"));
  for (std::string part : {"mine.meta.json", "mine.lir.json"}) {
    std::string whole = cache::slurp(f.path(part));
    auto holds = [&](const std::string& bytes) {
      cache::overwrite(f.path(part), bytes);
      return f.cache().contains("mine");
    };
    INFO(part);
    CHECK(!holds(""));
    CHECK(!holds(whole.substr(0, whole.size() / 2)));
    CHECK(!holds(flipped(whole, whole.size() / 2)));
    CHECK(!holds(whole + "\n"));
    CHECK(holds(whole));
    cache::fs::remove(f.path(part));
    CHECK(!f.cache().contains("mine"));
    CHECK(holds(whole));
  }
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

// Whether a file was opened or read since the last question.
class Watch {
 public:
  explicit Watch(const std::string& file) : fd_(::inotify_init1(IN_NONBLOCK)) {
    REQUIRE(::inotify_add_watch(fd_, file.c_str(), IN_OPEN | IN_ACCESS) >= 0);
  }
  ~Watch() { ::close(fd_); }
  bool touched() const {
    alignas(inotify_event) char events[4096];
    bool any = false;
    while (::read(fd_, events, sizeof events) > 0) any = true;
    return any;
  }

 private:
  int fd_;
};

// What changed less than two seconds ago is read again, by git's racy rule.
void grow_old() { std::this_thread::sleep_for(std::chrono::milliseconds(2100)); }

TEST_CASE("C6: a model file is found without being read again") {
  Fixture f;
  std::string model = f.model(mir());
  grow_old();
  Watch watch(model);
  Built first = must(f.cache().compile(model));
  CHECK(!first.hit);
  CHECK(watch.touched());
  Built second = must(f.cache().compile(model));
  CHECK(second.hit);
  CHECK(second.key == first.key);
  CHECK(second.image == first.image);
  CHECK(!watch.touched());
  CHECK(must(f.cache().compile(graph(), "model.mir")).key == first.key);
}

// A process that was there before the template, and makes its variant once told the key.
pid_t start_specializer(const Fixture& f, int key_pipe) {
  return cache::start([&f, key_pipe] {
    char key[256];
    ssize_t size = ::read(key_pipe, key, sizeof key);
    if (size <= 0) return 2;
    auto opened = CompileCache::open(f.root());
    if (!opened) return 3;
    auto made = opened->specialize({key, static_cast<size_t>(size)}, {{"batch", 2}, {"seq", 3}});
    if (!made) return 4;
    return made->hit ? 5 : 0;
  });
}

TEST_CASE("C7: a variant is made from the stored template by another process, and stored") {
  Fixture f;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  pid_t other = start_specializer(f, ends[0]);
  std::string key = must(f.cache().compile(graph(), "test")).key;
  REQUIRE(::write(ends[1], key.data(), key.size()) == static_cast<ssize_t>(key.size()));
  CHECK(cache::wait_for(other) == 0);
  for (int end : ends) ::close(end);
  Built variant = must(f.cache().specialize(key, {{"batch", 2}, {"seq", 3}}));
  CHECK(variant.hit);
  CHECK(variant.key.starts_with(key + "__"));
  // The same as from the graph itself, here and in a cache that knows nothing.
  CacheCompileOptions bound{.dims = {{"batch", 2}, {"seq", 3}}};
  Built direct = must(f.cache().compile(graph(), "test", bound));
  CHECK(direct.hit);
  CHECK(direct.key == variant.key);
  Fixture fresh;
  CHECK(must(fresh.cache().compile(graph(), "test", bound)).image == variant.image);
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
  grow_old();
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

constexpr int64_t kDepth = 20, kColumns = 24;

float weight(int64_t k, int64_t n, float scale) {
  return scale * static_cast<float>(k * kColumns + n + 1);
}

// A product with constant weights.
Graph product(float scale) {
  std::string rows;
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t n = 0; n < kColumns; ++n) {
      rows += (rows.empty() ? "" : ", ") + std::to_string(weight(k, n, scale));
    }
  }
  auto g = parse_graph(
      "graph \"test\" {\n  symbol batch = input 0 axis 0, max 64\n"
      "  %x = input \"x\" : f32[batch, 20]\n"
      "  %w = constant [" +
      rows +
      "] : f32[20, 24]\n"
      "  %y = matmul(%x, %w) @ [\"/product\"]\n  output \"y\" = %y\n}\n");
  if (!g) FAIL(to_text(g.error()));
  return std::move(*g);
}

// Where [k, n] lies in a storage that reorders and pads, by the words of kernel/storage.h.
int64_t offset_of(const Storage& s, std::array<int64_t, 2> index) {
  const std::array<int64_t, 2> shape{kDepth, kColumns};
  int64_t offset = 0;
  for (const PhysicalDim& d : s.dims) {
    const AxisPadding& padding = s.padding[d.axis];
    int64_t extent = padding.lo + shape[d.axis] + padding.hi;
    extent = (extent + padding.multiple - 1) / padding.multiple * padding.multiple;
    int64_t size = d.mod ? d.mod : (extent + d.div - 1) / d.div;
    int64_t at = (index[d.axis] + padding.lo) / d.div;
    offset = offset * size + (d.mod ? at % d.mod : at);
  }
  return offset;
}

// How many weights lie in the stored blob where the stored plan says.
int64_t weights_in_place(const Fixture& f, const Built& built, float scale) {
  auto lir = f.cache().get(built.key);
  REQUIRE(lir.ok());
  auto packed = std::find_if(lir->placed.begin(), lir->placed.end(), [&](const Placed& p) {
    return lir->buffers[p.buffer].role == LirBuffer::Role::kConstant;
  });
  REQUIRE(packed != lir->placed.end());
  CHECK(!packed->storage.is_row_major());
  const LirBuffer& buffer = lir->buffers[packed->buffer];
  Bytes blob = built.blobs.at(buffer.blob).bytes();
  int64_t right = 0;
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t n = 0; n < kColumns; ++n) {
      auto at = static_cast<size_t>(buffer.offset + 4 * offset_of(packed->storage, {k, n}));
      REQUIRE(at + 4 <= blob.size());
      float value = 0;
      std::memcpy(&value, blob.data() + at, sizeof value);
      right += value == weight(k, n, scale);
    }
  }
  return right;
}

TEST_CASE("C11: plan, native code and packed weights are stored, and code outlives new weights") {
  // Panels of columns, whatever machine this is.
  CacheCompileOptions options{.target = "cpu:x86-64-v3"};
  Fixture f;
  Built made = must(f.cache().compile(product(1), "test", options));
  CHECK(!made.hit);
  Built found = must(f.cache().compile(product(1), "test", options));
  CHECK(found.hit);
  CHECK(!found.image.code.empty());
  CHECK(found.image == made.image);
  CHECK(weights_in_place(f, found, 1) == kDepth * kColumns);
  // Fine-tuned: the same structure, other weights. Nothing but the constants is another.
  Built tuned = must(f.cache().compile(product(0.5), "test", options));
  CHECK(!tuned.hit);
  CHECK(weights_in_place(f, tuned, 0.5) == kDepth * kColumns);
  CHECK(tuned.image.code_key == made.image.code_key);
  CHECK(tuned.image.code == made.image.code);
  CHECK(tuned.image.buffers != made.image.buffers);
  // Exactly what a cache that knew nothing would have made.
  Fixture fresh;
  CHECK(must(fresh.cache().compile(product(0.5), "test", options)).image == tuned.image);
}

TEST_CASE("C12: entries are listed, verified, counted, limited, and locked while they are made") {
  Fixture f;
  CompileCache c = f.cache();
  Vec<std::thread> threads;
  std::atomic<int> built = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto made = CompileCache(c).compile(graph(), "test");
      if (made && !made->hit) ++built;
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(built == 1);
  auto store = cache::Store::open(c.options());
  REQUIRE(store.ok());
  int records = 0;
  cache::for_each_record(store->root(), [&](const cache::Record& r) { records += r.entry.ok(); });
  CHECK(records == 1);
  CHECK(cache::tally_events(store->root(), 0)[cache::Event::kStored].count == 1);
  auto findings = [&] { return *cache::check(*store, {}, false); };
  REQUIRE(findings().size() == 1);
  CHECK(findings()[0].kind == cache::Finding::Kind::kWhole);
  auto lir = f.path(findings()[0].key + ".lir.json");
  std::string whole = cache::slurp(lir);
  cache::overwrite(lir, flipped(whole, whole.size() / 2));
  CHECK(findings()[0].kind == cache::Finding::Kind::kDamaged);
  cache::overwrite(lir, whole);
  CHECK(findings()[0].kind == cache::Finding::Kind::kWhole);
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
