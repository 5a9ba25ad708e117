// Finds before which steps all threads must meet.
//
// Steps since the last barrier are open: other threads may still be at them. A step must not start while
// what it waits for is open, nor while an open step uses memory that the placement gives to another buffer
// of this step: of such sharing the waits know nothing. All meet before a condition is read, and where control comes
// from one of several blocks. What one thread runs alone (owners.h) it runs in order.
#pragma once
#include <map>

#include "runtime/cpu/owners.h"

namespace rlx::runtime::cpu {

// Which buffer uses what memory of the arena.
class MemoryInUse {
 public:
  // Whether any of [from, end) is in use by another buffer.
  bool by_other(uint32_t buffer, int64_t from, int64_t end) const;
  void add(uint32_t buffer, int64_t from, int64_t end);
  void clear() { stretches_.clear(); }

 private:
  static constexpr uint32_t kSeveral = UINT32_MAX;

  struct Stretch {
    int64_t end = 0;
    // Or kSeveral.
    uint32_t buffer = 0;
  };

  void cut(int64_t at);

  // By their beginnings; none overlap.
  std::map<int64_t, Stretch> stretches_;
};

class Barriers {
 public:
  Barriers(const image::Image& image, const image::Placement& placement)
      : image_(image), placement_(placement) {}

  // All threads are at this command, which comes next: no step is open.
  void begin(uint32_t command);
  // Of the commands, one after the other; `owner` as owners_of() says.
  bool needed_before(uint32_t command, int owner);

 private:
  bool is_alone_with(int owner, uint32_t earlier) const;
  bool waits_for_open(uint32_t command, int owner) const;
  bool shares_memory(uint32_t command, int owner) const;
  void open(uint32_t command, int owner);

  const image::Image& image_;
  const image::Placement& placement_;
  // The first open step.
  uint32_t open_ = 0;
  // By command.
  Vec<int> owners_;
  // By open steps of each owner.
  std::map<int, MemoryInUse> in_use_;
};

}  // namespace rlx::runtime::cpu
