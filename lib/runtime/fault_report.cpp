#include "runtime/fault_report.h"

#include <algorithm>
#include <atomic>
#include <csignal>

#include <fmt/format.h>
#include <unistd.h>

namespace rlx::runtime {
namespace {

constexpr uint32_t kNothing = UINT32_MAX;

std::atomic<const FaultReport*> active{nullptr};
thread_local volatile uint32_t command_here = kNothing;

// Formatting allocates, which a handler should not; the fault is in generated code, which holds no lock of
// the allocator, and the process ends here anyway.
void on_fault(int signal, siginfo_t* info, void*) {
  const FaultReport* report = active.load();
  uint32_t command = command_here;
  if (report == nullptr || command == kNothing) {
    // Not for this to explain: the instruction runs again and ends the process as ever.
    std::signal(signal, SIG_DFL);
    return;
  }
  std::string line = report->line(static_cast<const std::byte*>(info->si_addr), command);
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  _exit(static_cast<int>(Exit::kInternal));
}

void install_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
}

bool holds(const WatchedBuffer& b, const std::byte* address) {
  return b.pages <= address && address < b.pages + b.pages_size;
}

// "12 bytes behind the end of buffer 3 (64 bytes)".
std::string place_of(const WatchedBuffer& b, const std::byte* address) {
  auto offset = address - b.data, size = static_cast<ptrdiff_t>(b.size);
  std::string buffer = fmt::format("buffer {} ({} bytes)", b.buffer, size);
  if (offset < 0) return fmt::format("{} bytes before {}", -offset, buffer);
  if (offset >= size) return fmt::format("{} bytes behind the end of {}", offset - size, buffer);
  return fmt::format("{}, which is only to be read, at byte {}", buffer, offset);
}

}  // namespace

FaultReport::FaultReport(const image::Image& image) : image_(image) {
  active.store(this);
  install_handler();
}

FaultReport::~FaultReport() {
  const FaultReport* self = this;
  active.compare_exchange_strong(self, nullptr);
}

void FaultReport::at_command(uint32_t command) { command_here = command; }
void FaultReport::at_nothing() { command_here = kNothing; }

std::string FaultReport::line(const std::byte* address, uint32_t command) const {
  const image::Command& c = image_.commands[command];
  bool launches = c.kind == image::Command::Kind::kLaunch;
  std::string_view what = launches ? image_.kernels[c.kernel].name : name(c.kind);
  auto touched = std::ranges::find_if(buffers_, [&](const auto& b) { return holds(b, address); });
  std::string place = touched == buffers_.end()
                          ? fmt::format("{}, which is no buffer", fmt::ptr(address))
                          : place_of(*touched, address);
  return fmt::format("rlx: memory check: command {} ({}) of [{}] touches {}; its buffers are {}\n",
                     command, what, fmt::join(c.origin, ", "), place, fmt::join(c.buffers, ", "));
}

}  // namespace rlx::runtime
