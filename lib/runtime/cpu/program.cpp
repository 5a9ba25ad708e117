#include "runtime/cpu/program.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/codes.h"
#include "runtime/cpu/barriers.h"
#include "runtime/cpu/memory.h"

namespace rlx::runtime::cpu {
namespace {

using image::Command;
using image::Image;
using image::Placement;
using Kind = Command::Kind;

// A kernel's own count may be anything; it is split, never stored.
constexpr int64_t kMaxScratch = int64_t{1} << 40;

Error no_value(const image::Kernel& kernel, std::string_view what) {
  return Error(kDamagedImage, fmt::format("the {} of kernel '{}' have no value for these dims",
                                          what, kernel.name));
}

class Maker {
 public:
  Maker(const Image& image, const Placement& placement, const Vec<int64_t>& symbols,
        const FunctionTable& functions, int threads)
      : image_(image),
        placement_(placement),
        functions_(functions),
        threads_(threads),
        program_{.symbols = symbols} {}

  Result<Program> make() {
    for (uint32_t i = 0; i < image_.commands.size(); ++i) RLX_TRY_VOID(add(i));
    program_.arguments.resize(program_.argument_buffers.size());
    if (threads_ > 1) set_threads();
    return std::move(program_);
  }

 private:
  Status add(uint32_t index) {
    const Command& command = image_.commands[index];
    Step step{
        .kind = command.kind, .command = index, .first_argument = program_.argument_buffers.size()};
    std::ranges::copy(command.buffers, std::back_inserter(program_.argument_buffers));
    RLX_TRY(const int64_t tiles, prepare(command, step));
    step.share = tiles / threads_;
    step.rest = tiles % threads_;
    solo_.push_back(tiles <= 1);
    program_.steps.push_back(step);
    return {};
  }

  void set_threads() {
    const Vec<int> owners = owners_of(image_, placement_, solo_, threads_);
    Barriers barriers(image_, placement_);
    for (Step& step : program_.steps) {
      const int owner = owners[step.command];
      if (owner != kAllThreads) step.owner = owner;
      step.barrier = barriers.needed_before(step.command, owner);
    }
  }

  // Fills in what depends on the kind; the number of tiles.
  Result<int64_t> prepare(const Command& command, Step& step) {
    switch (command.kind) {
      case Kind::kLaunch: return prepare_launch(command, step);
      case Kind::kCopy: return prepare_copy(command, step);
      case Kind::kFill: return prepare_fill(command, step);
    }
    RLX_CHECK(false, "an image with a command of an unknown kind was not verified");
  }

  Result<int64_t> prepare_launch(const Command& command, Step& step) {
    const image::Kernel& kernel = image_.kernels[command.kernel];
    std::optional<int64_t> tiles = evaluate(kernel.tiles, program_.symbols);
    std::optional<int64_t> scratch = evaluate(kernel.scratch, program_.symbols);
    if (!tiles || *tiles < 0) return no_value(kernel, "tiles");
    if (!scratch || *scratch < 0 || *scratch > kMaxScratch) {
      return no_value(kernel, "scratch bytes");
    }
    step.function = functions_[command.kernel];
    step.bytes = static_cast<int64_t>(
        round_up(std::max(*scratch, image::kTrapBytes), static_cast<size_t>(kAlignment)));
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
    step.pattern = image_.buffers[command.buffers[0]].pattern;
    return tiles_in(step.bytes);
  }

  static int64_t tiles_in(int64_t bytes) { return (bytes + kBytesPerTile - 1) / kBytesPerTile; }

  const Image& image_;
  const Placement& placement_;
  const FunctionTable& functions_;
  const int threads_;
  // By command: whether it has one tile at most.
  Vec<bool> solo_;
  Program program_;
};

}  // namespace

void Program::set_pointers(const Vec<void*>& by_buffer) {
  for (size_t i = 0; i < arguments.size(); ++i) arguments[i] = by_buffer[argument_buffers[i]];
}

Result<Program> make_program(const Image& image, const Placement& placement,
                             const Vec<int64_t>& symbols, const FunctionTable& functions,
                             int threads) {
  return Maker(image, placement, symbols, functions, threads).make();
}

}  // namespace rlx::runtime::cpu
