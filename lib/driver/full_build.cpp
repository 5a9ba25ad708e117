#include "driver/full_build.h"

#include <csignal>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "driver/backends.h"
#include "support/process.h"

namespace rlx::driver {
namespace {

// An interruption in between waits for the handler of the other build: it would end the process without a word.
void replace_process(const char* path, char* const* arguments) {
  sigset_t later, before;
  sigemptyset(&later);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&later, signal);
  ::pthread_sigmask(SIG_BLOCK, &later, &before);
  ::execv(path, arguments);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

void become_full_build() {
  if (can_compile()) return;
  const std::filesystem::path here = own_program();
  if (here.empty()) return;
  const std::filesystem::path full =
      here.parent_path().parent_path() / RLX_FULL_BUILDS / here.filename();
  Vec<std::string> arguments = own_arguments();
  if (arguments.empty()) return;
  Vec<char*> raw;
  for (std::string& a : arguments) raw.push_back(a.data());
  raw.push_back(nullptr);
  replace_process(full.c_str(), raw.data());
}

}  // namespace rlx::driver
