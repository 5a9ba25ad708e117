#include "runtime/cpu/fault_report.h"

#include <sys/wait.h>
#include <unistd.h>

#include "support/ending.h"
#include "support/fd.h"
#include "test/runtime/images.h"

namespace rlx::runtime::cpu {
namespace {

// What a process writes to stderr when it runs an image, memory checked, and how it ends.
struct Death {
  std::string line;
  int exit_code = -1;
};

Death death_of(const ImageBuilder& b, int threads) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    // As a tool does.
    on_ending([](const LastWords& last) {
      // In a signal handler: no string of its own.
      (void)write_all(STDERR_FILENO, bytes_of(last.message));
      (void)write_all(STDERR_FILENO, bytes_of("\n"));
      _exit(last.code / 1000);
    });
    auto session = b.try_load({.threads = threads, .check_memory = true});
    Vec<HostTensor> inputs = {floats("x", {4, 8}, ramp(32))};
    if (session) (void)(*session)->run(inputs).ok();
    _exit(99);
  }
  close(ends[1]);
  Death death;
  char buffer[512];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) death.line.append(buffer, n);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) death.exit_code = WEXITSTATUS(status);
  return death;
}

ImageBuilder image_with(KernelFunction function) {
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y");
  b.command({.kernel = b.kernel("stray", function), .buffers = {y, x}, .origin = {"/a", "/b"}});
  return b;
}

void write_behind(void* const* buffers, const int64_t*, int64_t, int64_t, void*) {
  static_cast<volatile char*>(buffers[0])[128] = 1;
}

void read_before(void* const* buffers, const int64_t*, int64_t, int64_t, void*) {
  [[maybe_unused]] char c = static_cast<volatile char*>(buffers[1])[-4096];
}

void write_input(void* const* buffers, const int64_t*, int64_t, int64_t, void*) {
  static_cast<volatile char*>(buffers[1])[5] = 1;
}

constexpr std::string_view kStart = "memory check: command 0 (stray) of [/a, /b] touches ";

TEST_CASE("a stray command is named, and where it went") {
  for (int threads : {1, 2}) {
    Death death = death_of(image_with(write_behind), threads);
    INFO(death.line);
    CHECK(death.exit_code == 1);
    CHECK(death.line.starts_with(
        std::string(kStart) +
        "0 bytes behind the end of buffer 1 (128 bytes); its buffers are 1, 0"));
  }
  CHECK(death_of(image_with(read_before), 1)
            .line.starts_with(std::string(kStart) + "4096 bytes before buffer 0 (128 bytes)"));
  CHECK(death_of(image_with(write_input), 1)
            .line.starts_with(std::string(kStart) +
                              "buffer 0 (128 bytes), which is only to be read, at byte 5"));
}

void use_no_buffer(void* const*, const int64_t*, int64_t, int64_t, void*) {
  volatile uintptr_t nowhere = 16;
  *reinterpret_cast<volatile char*>(nowhere) = 1;
}

TEST_CASE("an address that is no buffer's is told as it is") {
  CHECK(death_of(image_with(use_no_buffer), 1)
            .line.starts_with(std::string(kStart) +
                              "0x10, which is no buffer; its buffers are 1, 0\n"));
}

}  // namespace
}  // namespace rlx::runtime::cpu
