// The commands of an image for one placement, ready to be walked by whatever device.
#pragma once
#include "image/told.h"
#include "runtime/device.h"

namespace rlx::runtime {

// Copies and fills are cut into tiles of that many bytes, fills of borders into tiles of whole runs that have about as many.
inline constexpr int64_t kBytesPerTile = 64 << 10, kBorderBytesPerTile = 16 << 10;

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
  // Something of it has no size: a run that comes here ends.
  bool stops = false;
  // It has nothing to do: it copies what lies there already.
  bool skipped = false;
  // Of a launch: Image::kernels.
  uint32_t kernel = 0;
  int64_t tiles = 0;
  // Into Program::argument_buffers.
  size_t first_argument = 0;
  // The step that runs after this one.
  size_t next = 0;
  // Of an if or a loop: into Program::branches.
  size_t branch = 0;
  // Of scratch, or of the buffer to copy or fill.
  int64_t bytes = 0;
  std::string_view pattern = {};
  // Of a buffer to fill that has a border; else none.
  const Vec<image::BorderRun>* border = nullptr;
};

struct Program {
  // By command.
  Vec<Step> steps;
  Vec<Branch> branches;
  // The buffer behind each argument.
  Vec<uint32_t> argument_buffers;
  Vec<int64_t> symbols;
  int64_t scratch_bytes = 0;
};

// How often it is there.
int64_t times_of(const image::BorderRun& run);

// The image must outlive the program.
Result<Program> make_program(const image::Image& image, const image::Placement& placement,
                             const Vec<int64_t>& symbols, const image::ToldExtents& told);

}  // namespace rlx::runtime
