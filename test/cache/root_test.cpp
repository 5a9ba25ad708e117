#include "cache/root.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

// The folders of a test lie below /tmp, which is root's and sticky.
struct Place {
  TempFolder folder;
  fs::path parent = folder.path() / "parent";
  fs::path root = parent / "cache";

  Place() {
    fs::create_directories(root);
    ::chmod(parent.c_str(), 0755);
    ::chmod(root.c_str(), 0700);
  }
  Result<Store> open() const { return Store::open({.root = root.string()}); }
  int code() const {
    auto store = open();
    return store ? 0 : store.error().first().code;
  }
};

TEST_CASE("a root that others can write is refused, with the cure") {
  Place place;
  CHECK(place.code() == 0);
  ::chmod(place.root.c_str(), 0777);
  auto store = place.open();
  REQUIRE(!store.ok());
  CHECK(store.error().exit_code() == 8);
  CHECK(store.error().first().message ==
        "unsafe cache folder: " + place.root.string() + " is writable by others");
  CHECK(store.error().first().hint.starts_with("run `chmod go-w " + place.root.string()));
  // Sticky does not help a root: others can make files in it.
  ::chmod(place.root.c_str(), 01777);
  CHECK(place.code() == kUnsafe);
}

TEST_CASE("a parent that others can write is refused unless it is root's and sticky") {
  Place place;
  ::chmod(place.parent.c_str(), 0777);
  CHECK(place.code() == kUnsafe);
  ::chmod(place.parent.c_str(), 01777);
  CHECK(place.code() == (::geteuid() == 0 ? 0 : kUnsafe));
}

TEST_CASE("a root of another user is refused") {
  if (::geteuid() != 0) return;
  Place place;
  REQUIRE(::chown(place.root.c_str(), 12345, 0) == 0);
  CHECK(place.code() == kUnsafe);
  REQUIRE(::chown(place.root.c_str(), 0, 0) == 0);
  REQUIRE(::chown(place.parent.c_str(), 12345, 0) == 0);
  CHECK(place.code() == kUnsafe);
}

TEST_CASE("a group is others unless it is ours or root's") {
  if (::geteuid() != 0) return;
  Place place;
  ::chmod(place.root.c_str(), 0770);
  CHECK(place.code() == 0);
  REQUIRE(::chown(place.root.c_str(), 0, 12345) == 0);
  CHECK(place.code() == kUnsafe);
}

TEST_CASE("the root may be a link") {
  Place place;
  fs::path link = place.folder.path() / "link";
  fs::create_directory_symlink(place.root, link);
  auto store = Store::open({.root = link.string()});
  REQUIRE(store.ok());
  put(*store);
  CHECK(fs::exists(place.root / "resnet50-cpu.meta.json"));
}

TEST_CASE("missing parents are made, private") {
  Place place;
  Options options{.root = (place.root / "a/b").string()};
  REQUIRE(Store::open(options).ok());
  struct stat s;
  REQUIRE(::stat((place.root / "a").c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0700);
}

TEST_CASE("a cache of another format is left alone") {
  Place place;
  std::ofstream(place.root / "rlx-cache.json") << "{\"format\": 2}\n";
  auto store = place.open();
  REQUIRE(store.ok());
  put(*store);
  CHECK(std::distance(fs::directory_iterator(place.root), fs::directory_iterator()) == 1);
  CHECK(Store::open({.root = place.root.string(), .strict = true}).error().first().code ==
        kForeign);
}

TEST_CASE("marks torn by a power loss are made again") {
  Place place;
  put(*place.open());
  for (std::string text : {"", "{\"form", "\n"}) {
    overwrite(place.root / "rlx-cache.json", text);
    overwrite(place.root / "CACHEDIR.TAG", text);
    CHECK(look(*place.open()).hit);
    CHECK(slurp(place.root / "rlx-cache.json") == "{\"format\": 1, \"mode\": \"private\"}\n");
    CHECK(slurp(place.root / "CACHEDIR.TAG").starts_with("Signature: "));
  }
}

}  // namespace
}  // namespace rlx::cache
