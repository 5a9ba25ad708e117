// Ends of a process that no caller handles: a bug of ours, no memory, an interruption.
//
// Without a tool around it, each prints a line and aborts. A tool says with on_ending() how it ends
// instead: with its JSON document and an exit code.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx {

// What this thread is at, for whoever has to say it in the end: AtHand here("fold", node.origin) until
// the scope ends. Both texts have to live as long; nothing is copied. Of several nodes the first is named.
class AtHand {
 public:
  AtHand(std::string_view doing, std::string_view what);
  AtHand(std::string_view doing, const Vec<std::string>& nodes)
      : AtHand(doing, nodes.empty() ? std::string_view() : std::string_view(nodes.front())) {}
  ~AtHand();
  AtHand(const AtHand&) = delete;
  AtHand& operator=(const AtHand&) = delete;

  // Of this thread, innermost; null where nothing is said.
  static const AtHand* innermost();

  std::string_view doing() const { return doing_; }
  std::string_view what() const { return what_; }
  const AtHand* outer() const { return outer_; }

 private:
  std::string_view doing_, what_;
  const AtHand* outer_;
};

// The name of the node, kernel or output at hand; empty where there is none.
std::string_view at_hand();

// What is said at such an end. Views only: there may be no memory for more.
struct LastWords {
  // The thousands are the exit code.
  int code = 0;
  std::string_view message = {}, node = {}, hint = {};
};

// May not return.
using Ending = void (*)(const LastWords&);
void on_ending(Ending chosen);

// By the way that on_ending() gave, once a process: other threads that come here wait for the end.
[[noreturn]] void end_with(const LastWords& last);
// An allocation of that many bytes failed, 0 where nobody knows: exit 11, what is at hand in the message.
[[noreturn]] void end_without_memory(size_t bytes);

// "lib/ir/dim.cpp" of a file name of the machine that rlx was built on.
std::string_view source_name(std::string_view file);

}  // namespace rlx
