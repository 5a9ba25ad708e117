// The commands of an image for one placement and one number of threads, ready to be walked.
#pragma once
#include "image/told.h"
#include "runtime/cpu/function_table.h"
#include "runtime/device.h"

namespace rlx::runtime::cpu {

// Copies and fills are cut into tiles of that many bytes.
inline constexpr int64_t kBytesPerTile = 64 << 10;

// What a step chooses between: the blocks of an if; of a loop its block, and what comes after it.
struct Branch {
  // The step at which each begins, or what follows where it is empty.
  size_t begin[2] = {};
  // What keeps a block from running; none: nothing.
  std::optional<Stopped> stopped[2] = {};
  // Of a loop: the bytes of each slice, and for how many there is room.
  struct Slice {
    int64_t bytes = 0, room = 0;
    // Of which there is as much as it takes: who says how many there are says it later.
    bool grows = false;
  };
  Vec<Slice> slices = {};
};

struct Step {
  image::Command::Kind kind = image::Command::Kind::kLaunch;
  uint32_t command = 0;
  // All threads meet before it.
  bool barrier = false;
  // Something of it has no size: a run that comes here ends.
  bool stops = false;
  // It has nothing to do: it copies what lies there already.
  bool skipped = false;
  // Thread t runs `share` tiles, the first `rest` threads one more: what a thread owns depends on nothing
  // else, so that it finds in its cache what it wrote there.
  int64_t share = 0, rest = 0;
  // The thread of the one tile where there are no more.
  int owner = 0;
  KernelFunction function = nullptr;
  // Into Program::arguments.
  size_t first_argument = 0;
  // The step that runs after this one.
  size_t next = 0;
  // Of an if or a loop: into Program::branches.
  size_t branch = 0;
  // Of scratch, or of the buffer to copy or fill.
  int64_t bytes = 0;
  std::string_view pattern = {};

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

struct Program {
  Vec<Step> steps;
  Vec<Branch> branches;
  // The buffer behind each argument, and its address once set_pointers() knows it.
  Vec<uint32_t> argument_buffers;
  Vec<void*> arguments;
  Vec<int64_t> symbols;
  int64_t scratch_bytes = 0;

  void set_pointers(const Vec<void*>& by_buffer);
};

// `functions` by kernel. The image must outlive the program.
Result<Program> make_program(const image::Image& image, const image::Placement& placement,
                             const Vec<int64_t>& symbols, const image::ToldExtents& told,
                             const FunctionTable& functions, int threads);

}  // namespace rlx::runtime::cpu
