// Children that may crash or hang without taking the search along.
#pragma once
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "test/random/check.h"

namespace rlx::random {

// What a child is at, in memory that both see.
struct Progress {
  int64_t graph = 0;
  char at[64] = {};
};

class Child {
 public:
  // Forks; the child calls body with a descriptor for lines, then ends with what it returns.
  using Body = std::function<int(int lines, Progress& progress)>;
  static std::unique_ptr<Child> start(const Body& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int lines() const { return lines_; }
  const Progress& progress() const { return *progress_; }
  void kill();
  // Waits. What its end says, if it is no right one: a crash, a failed check, a hang. `code` is what the
  // body returned.
  std::optional<Finding> end(int& code);

 private:
  Child() = default;

  pid_t pid_ = -1;
  int lines_ = -1, errors_ = -1;
  bool killed_ = false, reaped_ = false;
  Progress* progress_ = nullptr;
};

void write_line(int fd, std::string_view line);
// In the child, before each graph: what it says on stderr is forgotten, its time begins.
void begin_graph(Progress& progress, int64_t graph);

// One check in a child of its own.
struct Isolated {
  std::optional<Finding> finding;
  // Without a crash.
  Vec<std::string> made, refused;
  bool ort_died = false;
};
Isolated check_isolated(const Case& c, const Ways& ways, std::unique_ptr<Ort>& ort,
                        const std::function<std::unique_ptr<Ort>()>& restart);

}  // namespace rlx::random
