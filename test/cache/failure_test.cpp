// Disks that are full, limited or read-only: one warning, and the caller goes on; under strict an
// error, 11xxx where there is no space and 8xxx where it is something else.
#include <csignal>

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cache/codes.h"
#include "test/cache/fixture.h"
#include "test/cache/process.h"

namespace rlx::cache {
namespace {

constexpr int kSkipped = 77;

std::string megabytes(size_t n) { return std::string(n << 20, 'w'); }

// Publishes an entry with one blob of those bytes; the first status that is not ok, or ok.
Status publish_with(Store& store, const std::string& bytes) {
  Entry entry = example();
  entry.blobs = {ref_of(bytes, Role::kWeights)};
  RLX_TRY_VOID(store.put_blob(entry.blobs[0].digest, bytes_of(bytes)));
  KeyLock lock = store.lock(entry.key);
  return store.publish(lock, entry, kLir);
}

// 0 where publishing is impossible without harm: one warning however often it is tried, the caller
// goes on, nothing half-written is there, and a strict store says so.
int check_harmless(const Cache& cache, const std::string& bytes, Exit code) {
  Stderr errors;
  Store store = cache.open();
  if (!publish_with(store, bytes) || !publish_with(store, bytes)) return 1;
  if (store.lookup("resnet50-cpu")->hit) return 2;
  if (errors.count("warning: cache: not stored: ") != 1) return 6;
  Options options = cache.options();
  options.strict = true;
  auto strict = Store::open(options);
  if (!strict) return strict.error().exit_code() == static_cast<int>(code) ? 0 : 3;
  Status status = publish_with(*strict, bytes);
  if (status || status.error().exit_code() != static_cast<int>(code)) return 4;
  if (!store.trouble() || store.trouble()->exit_code() != static_cast<int>(code)) return 7;
  if (fs::exists(cache.file("tmp")) && !fs::is_empty(cache.file("tmp"))) return 5;
  return 0;
}

TEST_CASE("a limit on file sizes") {
  Cache cache;
  (void)cache.open();
  CHECK(run_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          struct rlimit limit = {1 << 20, 1 << 20};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return kSkipped;
          return check_harmless(cache, megabytes(2), Exit::kLimit);
        }) == 0);
  Store store = cache.open();
  CHECK(publish_with(store, megabytes(2)).ok());
  CHECK(look(store).hit);
}

TEST_CASE("no descriptors left") {
  Cache cache;
  CHECK(run_child([&] {
          Store store = cache.open();
          if (!publish_with(store, "x")) return 1;
          struct rlimit limit = {0, 0};
          if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return kSkipped;
          if (store.lookup("resnet50-cpu")->hit) return 2;
          return publish_with(store, "y") ? 0 : 3;
        }) == 0);
  CHECK(look(cache.open()).hit);
}

// Mounts a small tmpfs over the cache's root in a mount namespace of its own.
bool mount_small(const fs::path& root, const char* options) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  fs::create_directories(root);
  return ::mount("tmpfs", root.c_str(), "tmpfs", 0, options) == 0;
}

TEST_CASE("a full disk") {
  Cache cache;
  int result = run_child([&] {
    if (!mount_small(cache.root(), "size=1m,mode=700")) return kSkipped;
    return check_harmless(cache, megabytes(2), Exit::kLimit);
  });
  CHECK((result == 0 || result == kSkipped));
}

TEST_CASE("a disk without inodes") {
  Cache cache;
  int result = run_child([&] {
    if (!mount_small(cache.root(), "size=8m,mode=700,nr_inodes=7")) return kSkipped;
    return check_harmless(cache, megabytes(2), Exit::kLimit);
  });
  CHECK((result == 0 || result == kSkipped));
}

TEST_CASE("a read-only mount serves hits and takes nothing") {
  Cache cache;
  int result = run_child([&] {
    if (!mount_small(cache.root(), "size=8m,mode=700")) return kSkipped;
    {
      Store store = cache.open();
      put(store, example("there"));
    }
    if (::mount(nullptr, cache.root().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return kSkipped;
    }
    Store store = cache.open();
    if (!store.lookup("there")->hit || !store.blob(example().blobs[1])) return 10;
    return check_harmless(cache, "x", Exit::kCache);
  });
  CHECK((result == 0 || result == kSkipped));
}

// Becomes a user for whom permissions count.
bool become_nobody() {
  return ::geteuid() != 0 ||
         (::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0);
}

TEST_CASE("a root that may not be written serves hits and takes nothing") {
  Cache cache;
  {
    Store store = cache.open();
    put(store, example("there"));
  }
  fs::permissions(cache.root().parent_path(), fs::perms(0755));
  for (const auto& item : fs::recursive_directory_iterator(cache.root())) {
    if (item.is_directory()) fs::permissions(item.path(), fs::perms(0555));
  }
  fs::permissions(cache.root(), fs::perms(0555));
  CHECK(run_child([&] {
          if (!become_nobody()) return kSkipped;
          Store store = cache.open();
          if (!store.lookup("there")->hit || !store.blob(example().blobs[1])) return 10;
          return check_harmless(cache, "x", Exit::kCache);
        }) == 0);
  for (const auto& item : fs::recursive_directory_iterator(cache.root())) {
    if (item.is_directory()) fs::permissions(item.path(), fs::perms(0755));
  }
  fs::permissions(cache.root(), fs::perms(0755));
}

TEST_CASE("a root that cannot be made turns the cache off") {
  TempFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  Options options{.root = (folder.path() / "file/below").string()};
  auto store = Store::open(options);
  REQUIRE(store.ok());
  CHECK(look(*store).why == Lookup::Why::kOff);
  put(*store);
  options.strict = true;
  CHECK(Store::open(options).error().first().code == kUnusableRoot);
}

}  // namespace
}  // namespace rlx::cache
