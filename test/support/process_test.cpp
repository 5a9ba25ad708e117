#include "support/process.h"

#include <catch2/catch.hpp>

#include "support/codes.h"
#include "support/files.h"

namespace rlx {
namespace {

TEST_CASE("a program says what it says, and how it ended") {
  auto ended = run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"});
  REQUIRE(ended.ok());
  CHECK(ended->status == 3);
  CHECK(ended->output == "out\nerr\n");
}

TEST_CASE("a program reads nothing, and may be ended by a signal") {
  auto ended = run_program({"/bin/sh", "-c", "cat; kill -KILL $$"});
  REQUIRE(ended.ok());
  CHECK(ended->status == 128 + 9);
  CHECK(ended->output.empty());
}

TEST_CASE("a program that is not there is an error") {
  auto ended = run_program({"/nowhere/program"});
  REQUIRE(!ended.ok());
  CHECK(ended.error().first().code == kNoProgram);
}

TEST_CASE("programs are found as a shell finds them") {
  CHECK(find_program("sh").ends_with("/sh"));
  CHECK(find_program("/bin/sh") == "/bin/sh");
  CHECK(find_program("/bin").empty());
  CHECK(find_program("no-such-program-anywhere").empty());
}

TEST_CASE("a temporary file has what it was given, and goes") {
  std::string path;
  {
    auto file = TemporaryFile::make("abc");
    REQUIRE(file.ok());
    path = file->path();
    auto read = read_file(path);
    REQUIRE(read.ok());
    CHECK(*read == "abc");
  }
  CHECK(!read_file(path).ok());
}

}  // namespace
}  // namespace rlx
