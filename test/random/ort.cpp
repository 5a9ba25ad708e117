#include "test/random/ort.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstring>

#include "runtime/io/npz.h"

namespace rlx::random {
namespace {

bool write_all(int fd, const void* data, size_t n) {
  const char* at = static_cast<const char*>(data);
  while (n > 0) {
    ssize_t written = write(fd, at, n);
    if (written <= 0) return false;
    at += written, n -= static_cast<size_t>(written);
  }
  return true;
}

bool read_all(int fd, void* data, size_t n) {
  char* at = static_cast<char*>(data);
  while (n > 0) {
    ssize_t got = read(fd, at, n);
    if (got <= 0) return false;
    at += got, n -= static_cast<size_t>(got);
  }
  return true;
}

bool write_block(int fd, const std::string& block) {
  uint64_t size = block.size();
  return write_all(fd, &size, sizeof size) && write_all(fd, block.data(), block.size());
}

Ort::Answer dead() { return {.refusal = "onnxruntime has died", .died = true, .outputs = {}}; }

}  // namespace

std::unique_ptr<Ort> Ort::start(const std::string& python, const std::string& script) {
  // A write to a worker that has died is an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  int to[2], from[2];
  RLX_CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
  pid_t pid = fork();
  RLX_CHECK(pid >= 0);
  if (pid == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    execlp(python.c_str(), python.c_str(), script.c_str(), nullptr);
    _exit(127);
  }
  close(to[0]), close(from[1]);
  std::unique_ptr<Ort> ort(new Ort);
  ort->pid_ = pid, ort->to_ = to[1], ort->from_ = from[0];
  return ort;
}

Ort::~Ort() {
  close(to_), close(from_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Ort::Answer Ort::run(const std::string& onnx, const Vec<HostTensor>& inputs) {
  if (!write_block(to_, onnx) || !write_block(to_, inputs.empty() ? "" : to_npz(inputs))) {
    return dead();
  }
  uint8_t status = 0;
  uint64_t size = 0;
  if (!read_all(from_, &status, 1) || !read_all(from_, &size, sizeof size)) return dead();
  std::string block(size, '\0');
  if (!read_all(from_, block.data(), size)) return dead();
  if (status != 0) return {.refusal = block, .outputs = {}};
  auto outputs = parse_npz(bytes_of(block), "onnxruntime");
  if (!outputs) return {.refusal = to_text(outputs.error()), .outputs = {}};
  return {.refusal = {}, .outputs = std::move(*outputs)};
}

}  // namespace rlx::random
