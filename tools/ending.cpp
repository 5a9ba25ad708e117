#include "ending.h"

#include <atomic>
#include <csignal>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

#include <unistd.h>

#include "last_words.h"
#include "support/codes.h"
#include "support/cut_files.h"
#include "support/ending.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RLX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RLX_SANITIZED 1
#endif
#endif

namespace rlx::tools {
namespace {

// A mapped file of the cache was cut: its bytes cannot be had any more.
constexpr int kCutBlob = 8004;
// A signal's exit code, as shells count, and its number.
constexpr int code_of_signal(int signal) { return (128 + signal) * 1000 + signal; }

alignas(16) char handler_stack[64 << 10];

[[noreturn]] void end_tool(const LastWords& last) {
  (void)say(last);
  ::_exit(last.code / 1000);
}

constexpr std::string_view kReport =
    "a bug of rlx: please report this line with the command and the model";

void on_interruption(int signal) {
  static std::atomic<bool> came_before = false;
  const bool first = say({.code = code_of_signal(signal),
                          .message = signal == SIGINT ? "interrupted" : "ended from outside"});
  // The tool is writing its one document: it ends anyway, or nobody reads and a second signal comes.
  if (!first && !came_before.exchange(true)) return;
  // As who waits for this process expects it of one that a signal ends.
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::string_view name_of(int signal) {
  switch (signal) {
    case SIGSEGV: return "internal error: memory was touched that is not there";
    case SIGBUS: return "internal error: bus error";
    case SIGILL: return "internal error: an instruction that this CPU lacks";
    case SIGFPE: return "internal error: integer division";
    case SIGABRT: return "internal error: aborted";
    default: return "internal error";
  }
}

void on_crash(int signal, siginfo_t* info, void*) {
  if (signal == SIGBUS) {
    const CutFile cut = handle_cut_file(info->si_addr);
    if (cut == CutFile::kFilled) return;
    if (cut == CutFile::kEnd) {
      end_tool(
          {kCutBlob, "a file of the cache was cut short while it was used", {}, "run it again"});
    }
  }
  end_tool({kInternalError, name_of(signal), at_hand(), kReport});
}

// What was thrown where nothing catches it.
void on_terminate() {
  if (!std::current_exception()) {
    end_tool({kInternalError, "internal error: terminated", at_hand(), kReport});
  }
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::bad_alloc&) {
    end_tool({kOutOfMemory, "no memory", at_hand(), "smaller dims, or more memory"});
  } catch (const std::length_error&) {
    end_tool(
        {kOutOfMemory, "more memory is wanted than can be addressed", at_hand(), "smaller dims"});
  } catch (const std::system_error& e) {
    end_tool({kOutOfMemory, e.what(), at_hand(), "fewer threads: -j, --threads"});
  } catch (const std::exception& e) {
    end_tool({kInternalError, e.what(), at_hand(), kReport});
  }
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ::sigaction(signal, &action, nullptr);
}

// One that came while the process became another build (driver/full_build.h) has waited for the handler.
void handle_interruptions() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now;
    // nohup, and jobs in the background.
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_interruption;
    action.sa_flags = SA_NODEFER;
    ::sigaction(signal, &action, nullptr);
    sigaddset(&handled, signal);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
}

}  // namespace

void install_endings(std::string beginning) {
  set_document(std::move(beginning));
  on_ending([](const LastWords& last) { end_tool(last); });
  std::set_terminate(on_terminate);
  handle_interruptions();
  const stack_t stack = {.ss_sp = handler_stack, .ss_flags = 0, .ss_size = sizeof handler_stack};
  ::sigaltstack(&stack, nullptr);
  handle(SIGBUS, on_crash);
#ifndef RLX_SANITIZED
  // A sanitizer says more about these.
  for (int signal : {SIGSEGV, SIGILL, SIGFPE, SIGABRT}) handle(signal, on_crash);
#endif
}

}  // namespace rlx::tools
