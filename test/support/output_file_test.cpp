#include "support/output_file.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <sys/stat.h>

#include "support/files.h"
#include "test/support/folder.h"

namespace rlx {
namespace {

namespace fs = std::filesystem;
using test::Folder;

TEST_CASE("an output is whole or not there") {
  Folder folder;
  {
    auto file = OutputFile::create(folder / "f");
    REQUIRE(file.ok());
    REQUIRE(file->append(bytes_of("half")).ok());
    CHECK(!fs::exists(folder / "f"));
  }
  CHECK(folder.entries() == 0);
  auto file = OutputFile::create(folder / "f");
  REQUIRE(file.ok());
  REQUIRE(file->append(bytes_of("whole")).ok());
  REQUIRE(file->finish().ok());
  CHECK(*read_file(folder / "f") == "whole");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a process that ends takes its unfinished outputs along") {
  Folder folder;
  auto file = OutputFile::create(folder / "f");
  REQUIRE(file.ok());
  CHECK(folder.entries() == 1);
  remove_unfinished_outputs();
  CHECK(folder.entries() == 0);
}

TEST_CASE("a link that leads nowhere leads to the output then") {
  Folder folder;
  fs::create_symlink("deep", folder / "link");
  fs::create_symlink(folder / "target", folder / "deep");
  REQUIRE(write_file(folder / "link", bytes_of("x")).ok());
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(fs::is_symlink(folder / "deep"));
  CHECK(*read_file(folder / "target") == "x");
  fs::create_symlink("loop", folder / "loop");
  CHECK(!write_file(folder / "loop", bytes_of("x")).ok());
  CHECK(fs::is_symlink(folder / "loop"));
}

TEST_CASE("the mode of what is replaced stays") {
  Folder folder;
  REQUIRE(write_file(folder / "f", bytes_of("old")).ok());
  fs::permissions(folder / "f", fs::perms(0600));
  REQUIRE(write_file(folder / "f", bytes_of("new")).ok());
  CHECK(fs::status(folder / "f").permissions() == fs::perms(0600));
}

TEST_CASE("a pipe gets the bytes and stays") {
  Folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::string got;
  std::thread reader([&] { got = *read_file(folder / "pipe"); });
  CHECK(write_file(folder / "pipe", bytes_of("through")).ok());
  reader.join();
  CHECK(got == "through");
  CHECK(fs::is_fifo(folder / "pipe"));
  CHECK(folder.entries() == 1);
}

TEST_CASE("folders are no outputs") {
  Folder folder;
  fs::create_directory(folder / "d");
  CHECK(write_file(folder / "d", bytes_of("x")).error().first().code == 11001);
  CHECK(fs::is_directory(folder / "d"));
}

TEST_CASE("who may not replace finds any name taken") {
  Folder folder;
  auto create = [&](const std::string& name) {
    return OutputFile::create(folder / name, 0600, OutputFile::Over::kNothing);
  };
  fs::create_symlink("nowhere", folder / "link");
  REQUIRE(write_file(folder / "file", bytes_of("x")).ok());
  for (const char* name : {"link", "file"}) {
    CHECK(create(name).error().first().message.ends_with("File exists"));
  }
  // Taken meanwhile.
  auto late = create("late");
  REQUIRE(late.ok());
  REQUIRE(write_file(folder / "late", bytes_of("first")).ok());
  CHECK(!late->finish().ok());
  CHECK(*read_file(folder / "late") == "first");
}

TEST_CASE("an output that is full says so") {
  CHECK(write_file("/dev/full", bytes_of("x")).error().first().message ==
        "cannot write /dev/full: No space left on device");
  CHECK(fs::is_character_file("/dev/full"));
}

}  // namespace
}  // namespace rlx
