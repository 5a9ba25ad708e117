// What the cache itself costs: a lookup, a verified hit, a publish, a collection.
//
//   bench_cache_bench [FOLDER [ENTRIES]]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "cache/collect.h"
#include "cache/store.h"

namespace rlx::cache {
namespace {

double milliseconds(const std::function<void()>& f) {
  auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// Median and 99th of a hundred.
void report(const char* what, double wanted, const std::function<void()>& f) {
  Vec<double> times;
  for (int i = 0; i < 100; ++i) times.push_back(milliseconds(f));
  std::sort(times.begin(), times.end());
  std::printf("%-44s median %7.3f ms  p99 %7.3f ms  wanted %g ms\n", what, times[50], times[98],
              wanted);
}

std::string random_bytes(size_t n) {
  static std::mt19937_64 random(1);
  std::string bytes(n, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

Entry entry_of(const std::string& key, const std::string& image) {
  Entry entry{.key = key, .action = sha256(bytes_of(key))};
  entry.blobs = {{sha256(bytes_of(image)), static_cast<int64_t>(image.size()), Role::kImage}};
  for (int i = 0; i < 8; ++i) entry.inputs["option " + std::to_string(i)] = "value";
  return entry;
}

void publish(Store& store, const Entry& entry, const std::string& image, const std::string& lir) {
  Publication hold = store.publishing();
  if (!store.put_blob(entry.blobs[0].digest, bytes_of(image)) ||
      !store.publish(KeyLock(), entry, lir, {.compile_ms = 1, .producer = "bench"})) {
    std::abort();
  }
}

void collect_many(Store& store, const std::string& root, int entries) {
  // Written straight to disk: a publish flushes, and a hundred thousand of them take minutes.
  Entry entry = entry_of("e0", "image");
  if (!store.put_blob(entry.blobs[0].digest, bytes_of("image"))) std::abort();
  for (int i = 0; i < entries; ++i) {
    entry.key = "e" + std::to_string(i);
    entry.lir = sha256(bytes_of("{}"));
    entry.lir_size = 2;
    std::ofstream(root + "/" + entry.key + ".meta.json") << meta_text(entry);
    std::ofstream(root + "/" + entry.key + ".lir.json") << "{}";
  }
  rusage before, after;
  ::getrusage(RUSAGE_SELF, &before);
  int64_t kept = 0, gone = 0;
  CollectOptions options{.limits = {.max_files = entries, .free_percent = 0}};
  double ms = milliseconds([&] {
    auto done = collect(store, options);
    if (!done) std::abort();
    kept = done->entries;
    gone = static_cast<int64_t>(done->victims.size());
  });
  ::getrusage(RUSAGE_SELF, &after);
  std::printf(
      "collecting %d entries: %ld kept, %ld gone     %8.0f ms, %ld MiB more  wanted 10000 ms, 64 "
      "MiB\n",
      entries, kept, gone, ms, (after.ru_maxrss - before.ru_maxrss) / 1024);
}

void run(const std::string& root, int entries) {
  auto opened = Store::open({.root = root});
  if (!opened) std::abort();
  Store& store = *opened;
  std::string lir = random_bytes(1 << 20), image = random_bytes(2 << 20);
  std::replace(lir.begin(), lir.end(), '"', ' ');
  Entry entry = entry_of("big", image);
  publish(store, entry, image, lir);
  report("lookup, without the LIR", 0.5, [&] {
    if (!store.lookup("big", {.lir = false})->hit) std::abort();
  });
  report("miss", 0.5, [&] {
    if (store.lookup("none", {.lir = false})->hit) std::abort();
  });
  report("hit, 1 MiB LIR and 2 MiB image digested", 5, [&] {
    auto found = store.lookup("big");
    if (!found->hit || !store.blob(found->hit->blobs[0])) std::abort();
  });
  int next = 0;
  report("publish, tiny LIR and image, flushed", 10, [&] {
    std::string small = std::to_string(next++);
    publish(store, entry_of("small" + small, small), small, "{}");
  });
  collect_many(store, root, entries);
}

}  // namespace
}  // namespace rlx::cache

int main(int argc, char** argv) {
  std::string folder = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  std::string root = folder + "/rlx-cache-bench-" + std::to_string(::getpid());
  rlx::cache::run(root, argc > 2 ? std::atoi(argv[2]) : 100'000);
  std::filesystem::remove_all(root);
}
