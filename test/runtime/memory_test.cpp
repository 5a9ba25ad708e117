#include "runtime/cpu/memory.h"

#include <catch2/catch.hpp>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cpu/code_memory.h"

namespace rlx::runtime::cpu {
namespace {

GuardedBlock block_of(size_t bytes) {
  auto block = GuardedBlock::make(bytes);
  REQUIRE(block.ok());
  return std::move(*block);
}

// The signal that ends a process which does this; 0: it lives.
template <class Action>
int signal_of(Action action) {
  pid_t child = fork();
  if (child == 0) {
    // A sanitizer's handler would take the signal.
    std::signal(SIGSEGV, SIG_DFL);
    action();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("a mapping is zero and whole pages") {
  auto mapping = Mapping::make(5000);
  REQUIRE(mapping.ok());
  CHECK(mapping->size() == 8192);
  CHECK(mapping->data()[8191] == std::byte{0});
}

TEST_CASE("a mapping that is to be filled is zero, whole big pages, and ours to its end") {
  for (const size_t bytes : {size_t{4} << 20, (size_t{4} << 20) + 1, (size_t{7} << 20) - 1}) {
    auto mapping = Mapping::make_filled(bytes, "a test");
    REQUIRE(mapping.ok());
    CHECK(mapping->size() == ((bytes + (2 << 20) - 1) >> 21) << 21);
    CHECK(reinterpret_cast<uintptr_t>(mapping->data()) % (2 << 20) == 0);
    for (const size_t at : {size_t{0}, mapping->size() / 2, mapping->size() - 1}) {
      CHECK(mapping->data()[at] == std::byte{0});
      mapping->data()[at] = std::byte{1};
    }
  }
  CHECK(Mapping::make_filled(5000, "a test")->size() == 8192);
}

TEST_CASE("more memory than there is is an error") {
  for (auto make : {Mapping::make, Mapping::make_filled}) {
    auto mapping = make(size_t{1} << 60, "a test");
    REQUIRE(!mapping.ok());
    CHECK(mapping.error().exit_code() == static_cast<int>(Exit::kLimit));
  }
}

TEST_CASE("a guarded block ends at a page that may not be touched") {
  for (size_t bytes : {64, 4096, 8256}) {
    GuardedBlock block = block_of(bytes);
    CHECK(reinterpret_cast<uintptr_t>(block.data()) % 64 == 0);
    volatile std::byte* data = block.data();
    CHECK(signal_of([&] { data[bytes - 1] = std::byte{1}; }) == 0);
    CHECK(signal_of([&] { data[bytes] = std::byte{1}; }) == SIGSEGV);
    CHECK(signal_of([&] { data[-4096] = std::byte{1}; }) == SIGSEGV);
  }
}

TEST_CASE("what is written beside a guarded block is seen") {
  GuardedBlock block = block_of(100);
  CHECK(block.is_intact());
  CHECK(block.data()[0] == std::byte{0xff});
  block.data()[99] = std::byte{1};
  CHECK(block.is_intact());
  block.data()[100] = std::byte{1};
  CHECK(!block.is_intact());
  block.data()[100] = std::byte{0xff};
  block.data()[-1] = std::byte{1};
  CHECK(!block.is_intact());
}

TEST_CASE("a guarded block can be made read-only and back") {
  GuardedBlock block = block_of(64);
  block.forbid_writing();
  CHECK(signal_of([&] { block.data()[0] = std::byte{1}; }) == SIGSEGV);
  block.allow_writing();
  CHECK(signal_of([&] { block.data()[0] = std::byte{1}; }) == 0);
}

TEST_CASE("a block of no bytes has an address") {
  GuardedBlock block = block_of(0);
  CHECK(block.data() != nullptr);
  CHECK(block.is_intact());
}

TEST_CASE("fill repeats its pattern from a phase on") {
  std::string text(7, '-');
  fill_with_pattern(std::as_writable_bytes(std::span(text)), "abc");
  CHECK(text == "abcabca");
  fill_with_pattern(std::as_writable_bytes(std::span(text)), "abc", 2);
  CHECK(text == "cabcabc");
  fill_with_pattern(std::as_writable_bytes(std::span(text)), "x");
  CHECK(text == "xxxxxxx");
}

TEST_CASE("code in memory runs and cannot be written") {
  // mov rax, [rdi]; mov dword ptr [rax], 42; ret
  constexpr std::string_view kCode("\xcc\x48\x8b\x07\xc7\x00\x2a\x00\x00\x00\xc3", 11);
  auto code = CodeMemory::make(kCode);
  REQUIRE(code.ok());
  int32_t answer = 0;
  void* buffers[] = {&answer};
  code->function(1)(buffers, nullptr, 0, 1, nullptr);
  CHECK(answer == 42);
  auto* bytes = reinterpret_cast<char*>(code->function(0));
  CHECK(signal_of([&] { bytes[0] = 1; }) == SIGSEGV);
}

}  // namespace
}  // namespace rlx::runtime::cpu
