#include "runtime/program.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "image/told.h"
#include "runtime/codes.h"
#include "support/integer.h"

namespace rlx::runtime {
namespace {

using image::Command;
using image::Image;
using image::Placement;
using Kind = Command::Kind;

// A kernel's own count may be anything; it is split, never stored.
constexpr int64_t kMaxScratch = int64_t{1} << 40;
constexpr int64_t kScratchAlignment = 64;

Error no_value(const image::Kernel& kernel, std::string_view what) {
  return Error(kDamagedImage, fmt::format("the {} of kernel '{}' have no value for these dims",
                                          what, kernel.name));
}

class Maker {
 public:
  Maker(const Image& image, const Placement& placement, const Vec<int64_t>& symbols,
        const image::ToldExtents& told)
      : image_(image), placement_(placement), told_(told), program_{.symbols = symbols} {}

  Result<Program> make() {
    for (uint32_t i = 0; i < image_.commands.size(); ++i) {
      while (!open_.empty() && open_.back().end == i) open_.pop_back();
      RLX_TRY_VOID(add(i));
      set_next(i);
    }
    stop_blocks();
    return std::move(program_);
  }

 private:
  // A block around the command that is being added.
  struct Block {
    uint32_t end = 0;
    // What follows once it has ended.
    uint32_t out = 0;
  };

  // Where control is in place of a command behind the end of blocks.
  size_t step_at(uint32_t command) const {
    for (size_t i = open_.size(); i > 0 && open_[i - 1].end == command; --i) {
      command = open_[i - 1].out;
    }
    return command;
  }

  void set_next(uint32_t index) {
    const Vec<uint32_t>& ends = image_.commands[index].ends;
    Step& step = program_.steps[index];
    step.next = step_at(ends.empty() ? index + 1 : ends.back());
    if (ends.empty()) return;
    Branch branch;
    const bool loops = step.kind == Kind::kLoop;
    branch.begin[1] = step.next;
    uint32_t begin = index + 1;
    for (size_t block = 0; block < ends.size(); ++block) {
      branch.begin[block] = begin < ends[block] ? begin : loops ? index : step.next;
      begin = ends[block];
    }
    if (loops) branch.slices = slices_of(image_.commands[index]);
    step.branch = program_.branches.size();
    program_.branches.push_back(std::move(branch));
    for (size_t block = ends.size(); block-- > 0;) {
      open_.push_back({ends[block], loops ? index : ends.back()});
    }
  }

  Vec<Branch::Slice> slices_of(const Command& loop) const {
    Vec<Branch::Slice> slices;
    for (size_t i = 5; i < loop.buffers.size(); i += 2) {
      const int64_t bytes = placement_.bytes[loop.buffers[i]];
      const int64_t all = placement_.bytes[loop.buffers[i + 1]];
      const bool grows = told_.is_given[loop.buffers[i + 1]];
      slices.push_back({bytes, bytes == 0 || grows ? INT64_MAX : all / bytes, grows});
    }
    return slices;
  }

  // Blocks whose guards do not hold, or of which something has no value.
  void stop_blocks() {
    if (program_.branches.empty() && without_value_.empty()) return;
    const auto around = blocks_around(image_);
    std::map<size_t, Stopped> stopped;
    for (const uint32_t command : without_value_) {
      program_.steps[command].stops = true;
      // What the block itself tells is told when control is there.
      if (!tells_in(around[command])) stopped.emplace(around[command].first, Stopped{command});
    }
    for (uint32_t i = 0; i < image_.guards.size(); ++i) {
      const image::Guard& guard = image_.guards[i];
      if (guard.command == 0) continue;
      if (image::is_untold(guard.predicate, program_.symbols)) continue;
      if (tells_in(around[guard.command]) && speaks_of(guard.predicate, told_.is_told)) continue;
      if (evaluate(guard.predicate, program_.symbols).value_or(0) != 0) continue;
      stopped.insert_or_assign(guard.command, Stopped{guard.command, i});
    }
    for (Branch& branch : program_.branches) {
      for (size_t block = 0; block < std::size(branch.begin); ++block) {
        const auto found = stopped.find(branch.begin[block]);
        if (found != stopped.end()) branch.stopped[block] = found->second;
      }
    }
  }

  // Whether a command of the block, or of one inside of it, tells something.
  bool tells_in(std::pair<uint32_t, uint32_t> block) const {
    const auto first = told_.commands.lower_bound(block.first);
    return first != told_.commands.end() && first->first < block.second;
  }

  // An error, or a reason not to enter the block around the command: one that is not entered may have extents
  // without a value.
  Result<int64_t> no_value_for(const Step& step, const image::Extent& extent, Error e) {
    if (image::is_untold(extent, program_.symbols)) {
      without_value_.push_back(step.command);
      return int64_t{0};
    }
    if (open_.empty()) return e;
    without_value_.push_back(step.command);
    return int64_t{0};
  }

  // Whether a command before it tells what its buffers need.
  bool is_untold(const Command& command) const {
    return std::ranges::any_of(command.buffers, [&](uint32_t b) {
      return !told_.is_given[b] && image::is_untold(image_.buffers[b].bytes, program_.symbols);
    });
  }

  bool has_sizes(const Command& command) const {
    return std::ranges::all_of(
        command.buffers, [&](uint32_t b) { return told_.is_given[b] || placement_.bytes[b] >= 0; });
  }

  Status add(uint32_t index) {
    const Command& command = image_.commands[index];
    Step step{
        .kind = command.kind, .command = index, .first_argument = program_.argument_buffers.size()};
    std::ranges::copy(command.buffers, std::back_inserter(program_.argument_buffers));
    RLX_TRY(step.tiles, prepare(command, step));
    program_.steps.push_back(step);
    return {};
  }

  // Fills in what depends on the kind; the number of tiles.
  Result<int64_t> prepare(const Command& command, Step& step) {
    if (is_untold(command) || !has_sizes(command)) {
      without_value_.push_back(step.command);
      return int64_t{0};
    }
    switch (command.kind) {
      case Kind::kLaunch: return prepare_launch(command, step);
      case Kind::kCopy: return prepare_copy(command, step);
      case Kind::kFill: return prepare_fill(command, step);
      case Kind::kIf: return prepare_choice(command, {1});
      case Kind::kLoop: return prepare_choice(command, {8, 1, 8, 1, 1});
      case Kind::kTell:
      case Kind::kGive: return int64_t{0};
    }
    RLX_CHECK(false, "an image with a command of an unknown kind was not verified");
  }

  Result<int64_t> prepare_launch(const Command& command, Step& step) {
    const image::Kernel& kernel = image_.kernels[command.kernel];
    std::optional<int64_t> tiles = evaluate(kernel.tiles, program_.symbols);
    std::optional<int64_t> scratch = evaluate(kernel.scratch, program_.symbols);
    if (!tiles || *tiles < 0) return no_value_for(step, kernel.tiles, no_value(kernel, "tiles"));
    if (!scratch || *scratch < 0 || *scratch > kMaxScratch) {
      return no_value_for(step, kernel.scratch, no_value(kernel, "scratch bytes"));
    }
    step.kernel = command.kernel;
    step.bytes = round_up(std::max(*scratch, image::kTrapBytes), kScratchAlignment);
    program_.scratch_bytes = std::max(program_.scratch_bytes, step.bytes);
    return *tiles;
  }

  Result<int64_t> prepare_copy(const Command& command, Step& step) {
    step.bytes = placement_.bytes[command.buffers[0]];
    if (step.bytes == placement_.bytes[command.buffers[1]]) return tiles_in(step.bytes);
    return Error(kDamagedImage, "a copy is between buffers of different sizes");
  }

  Result<int64_t> prepare_fill(const Command& command, Step& step) {
    step.bytes = placement_.bytes[command.buffers[0]];
    const image::Buffer& buffer = image_.buffers[command.buffers[0]];
    step.pattern = buffer.pattern;
    if (buffer.border.empty()) return tiles_in(step.bytes);
    step.border = &buffer.border;
    int64_t runs = 0, bytes = 0;
    for (const image::BorderRun& run : buffer.border) {
      runs += times_of(run);
      bytes += times_of(run) * run.bytes;
    }
    return std::clamp<int64_t>(bytes / kBorderBytesPerTile, 1, runs);
  }

  // `least`: of bytes that its first buffers have.
  Result<int64_t> prepare_choice(const Command& command, const Vec<int64_t>& least) const {
    for (size_t i = 0; i < least.size(); ++i) {
      if (placement_.bytes[command.buffers[i]] >= least[i]) continue;
      return Error(kDamagedImage, "a condition or a number of trips lacks bytes");
    }
    return int64_t{0};
  }

  static int64_t tiles_in(int64_t bytes) { return (bytes + kBytesPerTile - 1) / kBytesPerTile; }

  const Image& image_;
  const Placement& placement_;
  const image::ToldExtents& told_;
  // Outermost first.
  Vec<Block> open_;
  // Commands that these dims give no sizes for.
  Vec<uint32_t> without_value_;
  Program program_;
};

}  // namespace

int64_t times_of(const image::BorderRun& run) {
  int64_t times = 1;
  for (const image::BorderRun::Repeat& r : run.repeats) times *= r.count;
  return times;
}

Result<Program> make_program(const Image& image, const Placement& placement,
                             const Vec<int64_t>& symbols, const image::ToldExtents& told) {
  return Maker(image, placement, symbols, told).make();
}

}  // namespace rlx::runtime
