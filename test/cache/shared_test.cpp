// A folder that others can write: refused, unless the user names it, and then only signatures count.
#include <sys/stat.h>

#include <cstdlib>

#include "cache/codes.h"
#include "cache/signature.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

class SharedCache {
 public:
  SharedCache() {
    ::setenv("XDG_CONFIG_HOME", config_.path().c_str(), 1);
    fs::create_directories(config_folder());
    fs::create_directories(cache.root());
    // What an administrator does: the group writes, and new folders belong to it.
    ::chmod(cache.root().c_str(), 02777);
  }
  ~SharedCache() { ::unsetenv("XDG_CONFIG_HOME"); }
  SharedCache(const SharedCache&) = delete;
  SharedCache& operator=(const SharedCache&) = delete;

  static void list(const std::string& line) {
    std::ofstream(config_folder() + "/trusted_dirs") << "# comment\n" << line << '\n';
  }
  static void make_key() {
    REQUIRE(SigningKey::generate(SigningKey::default_path()).ok());
    REQUIRE(TrustedKeys::trust(SigningKey::default_path() + ".pub").ok());
  }

  Cache cache;

 private:
  TempFolder config_;
};

TEST_CASE("a shared folder counts only where the user's list names it") {
  SharedCache shared;
  auto code = [&] {
    auto store = Store::open(shared.cache.options());
    return store ? 0 : store.error().first().code;
  };
  CHECK(code() == kUnsafe);
  SharedCache::list(shared.cache.root().string() + "-other");
  CHECK(code() == kUnsafe);
  SharedCache::list(shared.cache.root().parent_path().string() + "/");
  CHECK(code() == 0);
  SharedCache::list(shared.cache.root().string());
  CHECK(code() == 0);
}

TEST_CASE("entries of a shared cache are signed, and others are none") {
  SharedCache shared;
  SharedCache::list(shared.cache.root().string());
  SharedCache::make_key();
  Store store = shared.cache.open();
  put(store);
  CHECK(look(store).hit);
  CHECK(fs::exists(shared.cache.file("resnet50-cpu.sig.json")));
  // Someone else's entry: whole, and signed by nobody whom this user trusts.
  fs::remove(shared.cache.file("resnet50-cpu.sig.json"));
  Lookup found = look(store);
  CHECK(!found.hit);
  CHECK(found.why == Lookup::Why::kUnsigned);
  CHECK(found.reason == "resnet50-cpu is signed by no trusted key");
}

TEST_CASE("without a key nothing is put into a shared cache") {
  SharedCache shared;
  SharedCache::list(shared.cache.root().string());
  Options options = shared.cache.options();
  options.strict = true;
  Store store = shared.cache.open(options);
  KeyLock lock;
  Status done = store.publish(
      lock,
      [] {
        Entry entry = example();
        entry.blobs.clear();
        return entry;
      }(),
      kLir);
  REQUIRE(!done.ok());
  CHECK(done.error().first().code == kNoSigningKey);
}

TEST_CASE("folders in a shared cache are as open as it is") {
  SharedCache shared;
  ::chmod(shared.cache.root().c_str(), 02770);
  SharedCache::list(shared.cache.root().string());
  SharedCache::make_key();
  Store store = shared.cache.open();
  put(store);
  struct stat s;
  REQUIRE(::stat(shared.cache.file("cas").c_str(), &s) == 0);
  CHECK((s.st_mode & 07777) == 02770);
  Cache priv;
  Store own = priv.open();
  put(own);
  REQUIRE(::stat(priv.file("cas").c_str(), &s) == 0);
  CHECK((s.st_mode & 07777) == 0700);
}

}  // namespace
}  // namespace rlx::cache
