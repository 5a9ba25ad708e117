#include "cache/folder.h"

#include <sys/stat.h>

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

// Both ways of making a file: unnamed, and the fall-back under a name in tmp/.
TEST_CASE("a new file is seen whole, read-only and once") {
  for (auto kind : {NewFile::Kind::kUnnamed, NewFile::Kind::kNamed}) {
    TempFolder temp;
    Folder root = Folder::open(temp.path().string());
    Folder folder = root.make("folder");
    auto create = [&] { return NewFile::create(folder, root, Durability::kSafe, kind); };
    auto first = create(), second = create();
    REQUIRE(first.ok());
    REQUIRE(second.ok());
    REQUIRE(first->append(bytes_of("one "), "f").ok());
    REQUIRE(second->append(bytes_of("two"), "f").ok());
    CHECK(fs::is_empty(temp.path() / "folder"));
    REQUIRE(first->append(bytes_of("whole"), "f").ok());
    CHECK(*first->link("f"));
    CHECK(!*second->link("f"));
    CHECK(slurp(temp.path() / "folder/f") == "one whole");
    struct stat s;
    REQUIRE(::stat((temp.path() / "folder/f").c_str(), &s) == 0);
    CHECK((s.st_mode & 07777) == 0444);
  }
}

TEST_CASE("a file that is given up leaves nothing") {
  for (auto kind : {NewFile::Kind::kUnnamed, NewFile::Kind::kNamed}) {
    TempFolder temp;
    Folder root = Folder::open(temp.path().string());
    {
      auto file = NewFile::create(root, root, Durability::kSafe, kind);
      REQUIRE(file.ok());
      REQUIRE(file->append(bytes_of("x"), "f").ok());
      NewFile moved = std::move(*file);
    }
    if (fs::exists(temp.path() / "tmp")) CHECK(fs::is_empty(temp.path() / "tmp"));
    CHECK(!fs::exists(temp.path() / "f"));
  }
}

TEST_CASE("reading names what is wrong") {
  TempFolder temp;
  Folder root = Folder::open(temp.path().string());
  std::ofstream(temp.path() / "f") << "12345";
  fs::create_symlink("f", temp.path() / "link");
  fs::create_directory(temp.path() / "folder");
  CHECK(*root.read("f", 5) == "12345");
  auto problem = [&](const std::string& name, size_t limit = 100) {
    return root.read(name, limit).error().first();
  };
  CHECK(problem("f", 4).message == "f is damaged: 5 bytes long");
  CHECK(problem("absent").code == kMissing);
  CHECK(problem("link").message == "link is a symbolic link");
  CHECK(problem("folder").message == "folder is not a regular file");
  CHECK(!root.below("f").ok());
  CHECK(!root.below("absent").ok());
}

}  // namespace
}  // namespace rlx::cache
