#include "test/random/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

namespace rlx::random {
namespace {

// Of the processor, for one graph; a graph takes some tenths.
constexpr rlim_t kSeconds = 20;
constexpr int kWallMs = 240'000;
constexpr rlim_t kMemory = rlim_t{8} << 30;

std::string all_of(int fd) {
  std::string text;
  char part[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(n));
  return text;
}

// "lib/plan/fuse.cpp:20" of what a failed check says.
std::string condition_of(const std::string& text) {
  size_t at = text.find("internal error at ");
  if (at == std::string::npos) return {};
  size_t from = text.find("lib/", at), to = text.find('\n', at);
  if (from == std::string::npos || from > to) from = at;
  return text.substr(from, to - from);
}

Finding finding_of(int status, bool killed, const std::string& errors, std::string at) {
  std::string detail = fmt::format("at {}: {}", at, errors.substr(0, 1500));
  bool hangs = killed || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
  if (hangs) return {"hang", std::move(at), std::move(detail)};
  std::string condition = condition_of(errors);
  if (!condition.empty()) return {"check", std::move(condition), std::move(detail)};
  if (errors.find("memory check") != std::string::npos) {
    return {"memory", std::move(at), std::move(detail)};
  }
  if (WIFSIGNALED(status)) {
    return {fmt::format("signal {}", WTERMSIG(status)), std::move(at), std::move(detail)};
  }
  return {fmt::format("exit {}", WEXITSTATUS(status)), std::move(at), std::move(detail)};
}

}  // namespace

std::unique_ptr<Child> Child::start(const Body& body) {
  std::unique_ptr<Child> c(new Child);
  int ends[2];
  RLX_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  c->errors_ = memfd_create("stderr", MFD_CLOEXEC);
  void* shared =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  RLX_CHECK(c->errors_ >= 0 && shared != MAP_FAILED);
  c->progress_ = new (shared) Progress;
  std::fflush(stdout);
  c->pid_ = fork();
  RLX_CHECK(c->pid_ >= 0);
  if (c->pid_ == 0) {
    close(ends[0]);
    dup2(c->errors_, STDERR_FILENO);
    rlimit memory{kMemory, kMemory};
    setrlimit(RLIMIT_AS, &memory);
    rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    int code = body(ends[1], *c->progress_);
    std::fflush(stdout);
    _exit(code);
  }
  close(ends[1]);
  c->lines_ = ends[0];
  return c;
}

Child::~Child() {
  if (!reaped_) {
    kill();
    waitpid(pid_, nullptr, 0);
  }
  close(lines_), close(errors_);
  munmap(progress_, sizeof(Progress));
}

void Child::kill() {
  killed_ = true;
  ::kill(pid_, SIGKILL);
}

std::optional<Finding> Child::end(int& code) {
  int status = 0;
  waitpid(pid_, &status, 0);
  reaped_ = true;
  code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::string errors = all_of(errors_);
  // The report of a wrong address ends with 1, as a tool's internal error does.
  bool right = code >= 0 && code != 1;
  if (right) return std::nullopt;
  return finding_of(status, killed_, errors, progress_->at);
}

void write_line(int fd, std::string_view line) {
  std::string text(line);
  for (char& c : text) {
    if (c == '\n') c = '\x01';
  }
  text += '\n';
  for (size_t done = 0; done < text.size();) {
    ssize_t n = write(fd, &text[done], text.size() - done);
    if (n <= 0) _exit(3);
    done += static_cast<size_t>(n);
  }
}

void begin_graph(Progress& progress, int64_t graph) {
  progress.graph = graph;
  std::fflush(stderr);
  [[maybe_unused]] int cut = ftruncate(STDERR_FILENO, 0);
  lseek(STDERR_FILENO, 0, SEEK_SET);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  rlimit limit{seconds + kSeconds, RLIM_INFINITY};
  setrlimit(RLIMIT_CPU, &limit);
}

Isolated check_isolated(const Case& c, const Ways& ways, std::unique_ptr<Ort>& ort,
                        const std::function<std::unique_ptr<Ort>()>& restart) {
  auto child = Child::start([&](int lines, Progress& progress) {
    begin_graph(progress, 0);
    Outcome o = check(c, ways, ort.get(), [&](std::string_view at) {
      std::strncpy(progress.at, std::string(at).c_str(), sizeof progress.at - 1);
    });
    for (const std::string& made : o.made) write_line(lines, "made " + made);
    for (const std::string& refused : o.refused) write_line(lines, "refused " + refused);
    if (o.finding) {
      write_line(lines, fmt::format("find {}\t{}\t{}", o.finding->kind, o.finding->what,
                                    o.finding->detail));
    }
    return 0;
  });
  std::string text;
  char part[4096];
  for (;;) {
    pollfd p{child->lines(), POLLIN, 0};
    if (poll(&p, 1, kWallMs) <= 0) {
      child->kill();
      break;
    }
    ssize_t n = read(child->lines(), part, sizeof part);
    if (n <= 0) break;
    text.append(part, static_cast<size_t>(n));
  }
  Isolated out;
  int code = 0;
  bool asking = std::string_view(child->progress().at) == "onnxruntime";
  out.finding = child->end(code);
  if (out.finding && asking && ort) ort = restart();
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    for (char& ch : line) {
      if (ch == '\x01') ch = '\n';
    }
    if (line.starts_with("made ")) out.made.push_back(line.substr(5));
    if (line.starts_with("refused ")) out.refused.push_back(line.substr(8));
    if (!line.starts_with("find ") || out.finding) continue;
    size_t first = line.find('\t'), second = line.find('\t', first + 1);
    out.finding = Finding{line.substr(5, first - 5), line.substr(first + 1, second - first - 1),
                          line.substr(second + 1)};
  }
  for (const std::string& r : out.refused) {
    if (r == "onnxruntime: onnxruntime has died" && ort) ort = restart();
  }
  return out;
}

}  // namespace rlx::random
