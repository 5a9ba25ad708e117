// Code in a child process: crashes, limits and other users stay there.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace rlx::cache {

// Starts f in a child; its result is the exit status.
template <class F>
pid_t start(F f) {
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(f());
  return child;
}

inline int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

template <class F>
int run_child(F f) {
  return wait_for(start(f));
}

}  // namespace rlx::cache
