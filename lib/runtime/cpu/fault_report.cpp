#include "runtime/cpu/fault_report.h"

#include <algorithm>
#include <atomic>
#include <csignal>

#include <fmt/format.h>

#include "support/codes.h"
#include "support/ending.h"

namespace rlx::runtime::cpu {
namespace {

constexpr uint32_t kNothing = UINT32_MAX;

std::atomic<const FaultReport*> active{nullptr};
thread_local volatile uint32_t command_here = kNothing;
// What was to be done about faults before this came.
struct sigaction before;

// A line in memory of its own: a signal handler must not allocate.
class Line {
 public:
  template <class... Args>
  void add(std::string_view format, const Args&... args) {
    const size_t room = sizeof text_ - size_;
    auto arguments = fmt::make_format_args(args...);
    size_ += std::min(room, fmt::vformat_to_n(text_ + size_, room, format, arguments).size);
  }
  template <class T>
  void add_list(const Vec<T>& items) {
    for (size_t i = 0; i < items.size(); ++i) add("{}{}", i == 0 ? "" : ", ", items[i]);
  }
  std::string_view text() const { return {text_, size_}; }

 private:
  char text_[1024];
  size_t size_ = 0;
};

bool holds(const WatchedBuffer& b, const std::byte* address) {
  return b.pages <= address && address < b.pages + b.pages_size;
}

// "12 bytes behind the end of buffer 3 (64 bytes)".
void add_place(Line& line, const WatchedBuffer& b, const std::byte* address) {
  auto offset = address - b.data, size = static_cast<ptrdiff_t>(b.size);
  if (offset < 0) line.add("{} bytes before ", -offset);
  if (offset >= size) line.add("{} bytes behind the end of ", offset - size);
  line.add("buffer {} ({} bytes)", b.buffer, size);
  if (offset >= 0 && offset < size) line.add(", which is only to be read, at byte {}", offset);
}

Line line_of(const image::Image& image, const Vec<WatchedBuffer>& buffers, const std::byte* address,
             uint32_t command) {
  const image::Command& c = image.commands[command];
  const bool launches = c.kind == image::Command::Kind::kLaunch;
  Line line;
  line.add("memory check: command {} ({}) of [", command,
           launches ? std::string_view(image.kernels[c.kernel].name) : name(c.kind));
  line.add_list(c.origin);
  line.add("] touches ");
  auto touched = std::ranges::find_if(buffers, [&](const auto& b) { return holds(b, address); });
  if (touched != buffers.end()) add_place(line, *touched, address);
  if (touched == buffers.end()) line.add("{}, which is no buffer", fmt::ptr(address));
  line.add("; its buffers are ");
  line.add_list(c.buffers);
  return line;
}

void on_fault(int signal, siginfo_t* info, void*) {
  const FaultReport* report = active.load();
  const uint32_t command = command_here;
  if (report == nullptr || command == kNothing) {
    // Not for this to explain: the instruction runs again and ends the process as it would have.
    sigaction(signal, &before, nullptr);
    return;
  }
  report->end(static_cast<const std::byte*>(info->si_addr), command);
}

void install_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  struct sigaction now;
  sigaction(SIGSEGV, nullptr, &now);
  if (now.sa_sigaction == on_fault) return;
  before = now;
  sigaction(SIGSEGV, &action, nullptr);
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
  return std::string(line_of(image_, buffers_, address, command).text());
}

void FaultReport::end(const std::byte* address, uint32_t command) const {
  const Line line = line_of(image_, buffers_, address, command);
  const Vec<std::string>& origin = image_.commands[command].origin;
  end_with({.code = kInternalError,
            .message = line.text(),
            .node = origin.empty() ? std::string_view() : std::string_view(origin.front()),
            .hint = "a bug of rlx: please report this line with the command and the model"});
}

}  // namespace rlx::runtime::cpu
