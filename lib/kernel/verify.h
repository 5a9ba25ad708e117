// The parts of verify(Kernel): kernel/verify.cpp says what holds.
#pragma once
#include <string>
#include <string_view>
#include <type_traits>

#include "kernel/kernel.h"

namespace rlx {

// Collects what is wrong with one kernel.
class Problems {
 public:
  explicit Problems(const Kernel& k) : place_("kernel " + k.name) {}

  // What follows is about that part of the kernel.
  void enter(std::string place) { part_ = std::move(place); }
  // Whether it holds; notes `what` where it does not: a text, or a function that makes it.
  template <class What>
  bool require(bool holds, const What& what) {
    if (holds) return true;
    if constexpr (std::is_invocable_v<What>) {
      note(what());
    } else {
      note(what);
    }
    return false;
  }
  Status status() const;

 private:
  void note(std::string_view what);

  std::string place_, part_;
  Vec<Diagnostic> items_;
};

bool contains(const Vec<LoopId>& loops, LoopId id);

// Operands, types and leaves of every node. Only then may needed() be asked of the stage.
bool verify_body(const Kernel& k, const Stage& s, Problems& problems);
// The stage's detail against its loops and accesses.
void verify_kind(const Kernel& k, const Stage& s, Problems& problems);

// The dtype and shape of what an access goes to.
DType dtype_of(const Kernel& k, const Access& a);
const Vec<Dim>& shape_of(const Kernel& k, const Access& a);

}  // namespace rlx
