#include "support/ending.h"

#include <catch2/catch.hpp>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "support/codes.h"
#include "support/fd.h"
#include "support/memory.h"

namespace rlx {
namespace {

// What a process that ends like that says on stderr, and its exit code.
template <class Body>
std::pair<std::string, int> ends(Body body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    on_ending([](const LastWords& last) {
      std::string line(last.message);
      line.append("|").append(last.node).append("|").append(last.hint);
      (void)write_all(STDERR_FILENO, bytes_of(line));
      ::_exit(last.code / 1000);
    });
    body();
    ::_exit(99);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, n);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {said, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

TEST_CASE("a bug of ours names the node and no folder of the machine that built it") {
  auto [said, code] = ends([] {
    Vec<std::string> nodes{"/enc/0", "/enc/1"};
    AtHand here("lower", nodes);
    check_failed("/home/me/rlx/lib/ir/dim.cpp", 7, "a < b", "extents");
  });
  CHECK(code == 1);
  CHECK(said.starts_with("internal error at lib/ir/dim.cpp:7: a < b: extents|/enc/0|"));
}

TEST_CASE("source names are those of the repository") {
  CHECK(source_name("/a/lib/b/lib/ir/dim.cpp") == "lib/ir/dim.cpp");
  CHECK(source_name("lib/ir/dim.cpp") == "lib/ir/dim.cpp");
  CHECK(source_name("../../lib/ir/dim.h") == "lib/ir/dim.h");
  CHECK(source_name("/home/x.cpp") == "x.cpp");
}

TEST_CASE("what is at hand ends with its scope") {
  CHECK(at_hand().empty());
  {
    AtHand outer("plan", "a");
    {
      AtHand inner("fold", "b");
      CHECK(at_hand() == "b");
    }
    CHECK(at_hand() == "a");
  }
  CHECK(at_hand().empty());
}

TEST_CASE("no memory says for what and how much") {
  auto [said, code] = ends([] {
    AtHand here("fold", "/big");
    end_without_memory(size_t{3} << 30);
  });
  CHECK(code == 11);
  CHECK(said.starts_with("no memory to fold /big: 3.0 GiB"));
}

TEST_CASE("who ends while it says its last words just ends") {
  auto [said, code] = ends([] {
    on_ending([](const LastWords&) { end_without_memory(1); });
    end_with({.code = 1000, .message = "first"});
  });
  CHECK(said.empty());
  CHECK(code == 11);
}

TEST_CASE("memory that nobody has is refused before it is taken") {
  CHECK(check_memory("a", 1).ok());
  CHECK(free_memory() > 0);
  Status status = check_memory("output y f32[9]", uint64_t{1} << 60);
  REQUIRE(!status.ok());
  CHECK(status.error().first().code == kOutOfMemory);
  CHECK(status.error().first().message.starts_with("output y f32[9] takes 1024 PiB, and "));
}

TEST_CASE("sizes are told by three digits") {
  CHECK(memory_text(0) == "0 bytes");
  CHECK(memory_text(1023) == "1023 bytes");
  CHECK(memory_text(1536) == "1.5 KiB");
  CHECK(memory_text(uint64_t{32} << 30) == "32 GiB");
  CHECK(memory_text(uint64_t{5} << 50) == "5.0 PiB");
}

}  // namespace
}  // namespace rlx
