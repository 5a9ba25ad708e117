// Code in a child process: crashes, limits and other users stay there.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string_view>

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

// What the process writes to stderr from here on, in a child.
class Stderr {
 public:
  Stderr() : file_(std::tmpfile()) { ::dup2(::fileno(file_), 2); }

  // Lines with that text.
  int count(std::string_view text) const {
    std::fseek(file_, 0, SEEK_SET);
    int found = 0;
    for (char line[1024]; std::fgets(line, sizeof line, file_);) {
      found += std::string_view(line).find(text) != std::string_view::npos;
    }
    return found;
  }

 private:
  FILE* file_;
};

}  // namespace rlx::cache
