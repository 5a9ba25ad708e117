#include "support/files.h"
#include "test/support/folder.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

namespace rlx {
namespace {

namespace fs = std::filesystem;
using test::Folder;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("a written file reads and maps back") {
  Folder folder;
  for (size_t size : {0, 1, 4096, 70000, 200000}) {
    std::string text(size, 'x');
    REQUIRE(write_file(folder / "f", bytes_of(text)).ok());
    CHECK(*read_file(folder / "f") == text);
    auto mapped = MappedFile::open(folder / "f");
    REQUIRE(mapped.ok());
    CHECK(text_of((*mapped)->bytes()) == text);
    CHECK((*mapped)->stamp() == *stamp_of(folder / "f"));
  }
  CHECK(folder.entries() == 1);
}

TEST_CASE("writing replaces whole files and keeps links") {
  Folder folder;
  REQUIRE(write_file(folder / "target", bytes_of("old")).ok());
  fs::create_symlink(folder / "target", folder / "link");
  REQUIRE(write_file(folder / "link", bytes_of("new")).ok());
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(*read_file(folder / "target") == "new");
}

TEST_CASE("a reader of the old file keeps its bytes") {
  Folder folder;
  REQUIRE(write_file(folder / "f", bytes_of("old")).ok());
  auto mapped = MappedFile::open(folder / "f");
  REQUIRE(write_file(folder / "f", bytes_of("new")).ok());
  CHECK(text_of((*mapped)->bytes()) == "old");
}

TEST_CASE("devices are written to, not replaced") {
  CHECK(write_file("/dev/null", bytes_of("x")).ok());
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("failures name the file and the cause") {
  Folder folder;
  std::string absent = folder / "absent";
  CHECK(read_file(absent).error().first().message ==
        "cannot open " + absent + ": No such file or directory");
  CHECK(!MappedFile::open(absent).ok());
  CHECK(!stamp_of(absent).ok());
  CHECK(read_file(folder / ".").error().first().message.ends_with("Is a directory"));
  CHECK(write_file(folder / "no/such", bytes_of("x")).error().exit_code() == 11);
}

TEST_CASE("folders are made with their parents") {
  Folder folder;
  CHECK(make_folders(folder / "a/b/c").ok());
  CHECK(fs::is_directory(folder / "a/b/c"));
  CHECK(make_folders(folder / "a/b/c/").ok());
  REQUIRE(write_file(folder / "file", bytes_of("x")).ok());
  CHECK(!make_folders(folder / "file").ok());
  CHECK(!make_folders(folder / "file/below").ok());
}

}  // namespace
}  // namespace rlx
