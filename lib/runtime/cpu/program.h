// A program for one number of threads: what each of them does, and where what they use lies.
#pragma once
#include "runtime/cpu/function_table.h"
#include "runtime/program.h"

namespace rlx::runtime::cpu {

// What threads do at a step.
struct Turn {
  // All threads meet before it.
  bool barrier = false;
  // Thread t runs `share` tiles, the first `rest` threads one more: what a thread owns depends on nothing
  // else, so that it finds in its cache what it wrote there.
  int64_t share = 0, rest = 0;
  // The thread of the one tile where there are no more.
  int owner = 0;
  KernelFunction function = nullptr;

  struct Tiles {
    int64_t first, last;
  };
  Tiles tiles_of(int thread) const {
    const int at = thread - owner;
    if (at < 0) return {0, 0};
    const int64_t first = share * at + (at < rest ? at : rest);
    return {first, first + share + (at < rest ? 1 : 0)};
  }
};

struct Program : runtime::Program {
  // By step.
  Vec<Turn> turns = {};
  // By argument, once set_pointers() knows them.
  Vec<void*> arguments = {};

  void set_pointers(const Vec<void*>& by_buffer);
};

// `functions` by kernel. The image must outlive the program.
Result<Program> make_program(const image::Image& image, const image::Placement& placement,
                             const Vec<int64_t>& symbols, const image::ToldExtents& told,
                             const FunctionTable& functions, int threads);

}  // namespace rlx::runtime::cpu
