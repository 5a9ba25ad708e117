// That nothing speaks of a symbol before a command tells it, whatever way control takes:
//
// - a symbol that is told is no input's, its element is one of a buffer that the command names
// - sizes, tiles, scratch and slots of what a command uses, and guards of blocks, speak of told symbols alone
// - what is given its memory where it is written has no other, and has it before it is read
// - no symbol is told twice, and no other buffer that lives across a command is sized by what that tells
// - inputs and constants speak of none; outputs of those that are told when all has run
#include <algorithm>

#include <fmt/format.h>

#include "image/codes.h"
#include "image/told.h"

namespace rlx::image {
namespace {

Error wrong_command(size_t index, std::string_view what) {
  return Error(kDamaged, fmt::format("the image is inconsistent: commands[{}]: {}", index, what));
}

class Walk {
 public:
  explicit Walk(const Image& image)
      : image_(image), told_(told_extents(image)), known_(told_.is_told) {
    known_.flip();
  }

  Status run() {
    for (size_t b = 0; b < image_.buffers.size(); ++b) RLX_TRY_VOID(look_at_buffer(b));
    for (uint32_t i = 0; i < image_.commands.size(); ++i) {
      leave_blocks(i);
      RLX_TRY_VOID(look_at(i));
    }
    leave_blocks(static_cast<uint32_t>(image_.commands.size()));
    for (const Tensor& output : image_.outputs) {
      const bool all =
          is_known(image_.buffers[output.buffer].bytes) &&
          std::ranges::all_of(output.shape, [&](const Extent& e) { return is_known(e); });
      if (!all) return Error(kDamaged, "the image is inconsistent: an output's shape is not told");
    }
    return {};
  }

 private:
  // The blocks of a command that are not over.
  struct Open {
    const Command* owner;
    size_t block = 0;
    // What is known where each block begins, and after all of those that have ended.
    Vec<bool> before, after = {};
  };

  bool is_known(const Extent& e) const {
    return std::ranges::all_of(e.steps, [&](Extent::Step step) {
      return step.op != Extent::Op::kSymbol || known_[static_cast<size_t>(step.operand)];
    });
  }

  Status look_at_buffer(size_t index) const {
    const Buffer& b = image_.buffers[index];
    const bool is_told = speaks_of(b.bytes, told_.is_told);
    // Of several extents one that is 0 may hide what the others hang on.
    if (told_.is_given[index] && !is_told && b.bytes != Extent::constant(0)) {
      return Error(kDamaged, "the image is inconsistent: what is given room has a size of its own");
    }
    if (!is_told) return {};
    if (b.kind == Buffer::Kind::kInput || b.kind == Buffer::Kind::kConstant) {
      return Error(kDamaged, "the image is inconsistent: the size of an input or constant is told");
    }
    return {};
  }

  Status look_at(uint32_t index) {
    const Command& c = image_.commands[index];
    for (size_t i = 0; i < c.buffers.size(); ++i) {
      const bool is_written = c.kind == Command::Kind::kGive ? i == 0 : is_slices(c, i);
      if (is_written && told_.is_given[c.buffers[i]]) continue;
      if (!is_known(image_.buffers[c.buffers[i]].bytes)) {
        return wrong_command(index, "the size of a buffer is not told yet");
      }
    }
    for (const Extent& bytes : c.room) {
      if (is_known(bytes)) continue;
      return wrong_command(index, "the size of what it gives is not told yet");
    }
    if (c.kind == Command::Kind::kLaunch) {
      const Kernel& k = image_.kernels[c.kernel];
      if (!is_known(k.tiles) || !is_known(k.scratch)) {
        return wrong_command(index, "its tiles or scratch are not told yet");
      }
    }
    for (const Told& t : c.told) {
      if (known_[t.symbol]) return wrong_command(index, "it tells a symbol that is known");
    }
    for (const Told& t : c.told) known_[t.symbol] = true;
    if (!c.told.empty()) RLX_TRY_VOID(keeps_nothing(index));
    if (!c.ends.empty()) open_.push_back({&c, 0, known_});
    return {};
  }

  static bool is_slices(const Command& c, size_t i) {
    return c.kind == Command::Kind::kLoop && i >= 6 && i % 2 == 0;
  }

  // Of buffers that live across the command.
  Status keeps_nothing(uint32_t index) const {
    for (const uint32_t b : told_.commands.at(index).buffers) {
      const Buffer& buffer = image_.buffers[b];
      const bool is_arena = buffer.kind == Buffer::Kind::kArena;
      if (is_arena && buffer.first <= index && index <= buffer.last) {
        return wrong_command(index, "it tells the size of a buffer that is in use");
      }
    }
    return {};
  }

  // Ends the blocks that end before this command: of two branches what both tell is known then, of a loop, which may
  // run no trip, nothing more.
  void leave_blocks(uint32_t index) {
    while (!open_.empty() && open_.back().owner->ends[open_.back().block] == index) {
      Open& o = open_.back();
      const bool loops = o.owner->kind == Command::Kind::kLoop;
      if (o.block == 0) o.after = loops ? o.before : known_;
      for (size_t s = 0; s < known_.size(); ++s) o.after[s] = o.after[s] && known_[s];
      if (++o.block < o.owner->ends.size()) {
        known_ = o.before;
        continue;
      }
      known_ = std::move(o.after);
      open_.pop_back();
    }
  }

  const Image& image_;
  const ToldExtents told_;
  // By symbol.
  Vec<bool> known_;
  Vec<Open> open_;
};

Status verify_told(const Image& image, size_t index) {
  const Command& c = image.commands[index];
  if (c.told.empty() != (c.kind != Command::Kind::kTell)) {
    return wrong_command(index, "it tells, or tells nothing, against its kind");
  }
  const bool gives = c.kind == Command::Kind::kGive;
  if (c.room.size() != (gives ? 1 : 0)) {
    return wrong_command(index, "it gives, or gives nothing, against its kind");
  }
  if (gives && !well_formed(c.room[0], image.symbols.size())) {
    return wrong_command(index, "the size of what it gives is malformed");
  }
  for (const Told& t : c.told) {
    const bool fits = t.symbol < image.symbols.size() && t.buffer < c.buffers.size() &&
                      t.element <= INT32_MAX && t.sign >= -1 && t.sign <= 1;
    if (!fits || image.symbols[t.symbol].input != -1 || capacities(image)[t.symbol]) {
      return wrong_command(index, "it tells no symbol of an element");
    }
  }
  return {};
}

}  // namespace

Status verify_told(const Image& image) {
  bool any = false;
  for (size_t i = 0; i < image.commands.size(); ++i) {
    RLX_TRY_VOID(verify_told(image, i));
    any = any || !image.commands[i].told.empty();
  }
  return any ? Walk(image).run() : Status();
}

}  // namespace rlx::image
