#include "support/ending.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "support/codes.h"
#include "support/memory.h"

namespace rlx {
namespace {

constexpr std::string_view kReport =
    "a bug of rlx: please report this line with the command and the model";

thread_local const AtHand* innermost_here = nullptr;
std::atomic<Ending> ending{nullptr};
std::atomic<bool> ended = false;
thread_local bool ending_here = false;

[[noreturn]] void print_and_abort(const LastWords& last) {
  auto put = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); };
  std::fprintf(stderr, "error RLX-E%d: ", last.code);
  put(last.message);
  if (!last.node.empty()) put(" [node "), put(last.node), put("]");
  put("; hint: "), put(last.hint), put("\n");
  std::abort();
}

}  // namespace

AtHand::AtHand(std::string_view doing, std::string_view what)
    : doing_(doing), what_(what), outer_(innermost_here) {
  innermost_here = this;
}

AtHand::~AtHand() { innermost_here = outer_; }

const AtHand* AtHand::innermost() { return innermost_here; }

std::string_view at_hand() { return innermost_here ? innermost_here->what() : ""; }

void on_ending(Ending chosen) { ending = chosen; }

void end_with(const LastWords& last) {
  // What goes wrong while this thread says its last words is not worth more.
  if (std::exchange(ending_here, true)) ::_exit(last.code / 1000);
  while (ended.exchange(true)) ::pause();
  if (Ending chosen = ending) chosen(last);
  print_and_abort(last);
}

void end_without_memory(size_t bytes) {
  char text[512];
  std::string_view doing = innermost_here ? innermost_here->doing() : "this";
  std::string_view what = innermost_here ? innermost_here->what() : "";
  auto [end, size] = fmt::format_to_n(text, sizeof text, "no memory to {}{}{}: {} more are wanted",
                                      doing, what.empty() ? "" : " ", what, memory_text(bytes));
  end_with({.code = kOutOfMemory,
            .message = {text, std::min(size, sizeof text)},
            .hint = "smaller dims, or a machine or limit with more memory"});
}

std::string_view source_name(std::string_view file) {
  const size_t at = file.rfind("/lib/");
  if (at != std::string_view::npos) return file.substr(at + 1);
  return file.starts_with("lib/") ? file : file.substr(file.find_last_of('/') + 1);
}

void check_failed(const char* file, int line, const char* condition, const std::string& message) {
  std::string what = fmt::format("internal error at {}:{}: {}", source_name(file), line, condition);
  if (!message.empty()) what += ": " + message;
  end_with({.code = kInternalError, .message = what, .node = at_hand(), .hint = kReport});
}

}  // namespace rlx
