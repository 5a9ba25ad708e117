#include "backend/common/border_fills.h"

#include <algorithm>

#include "kernel/border.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

using image::Buffer;
using image::Command;
using image::Image;

Vec<image::BorderRun> in_bytes(const Vec<BorderRun>& border, int64_t size) {
  Vec<image::BorderRun> runs;
  for (const BorderRun& run : border) {
    image::BorderRun& r = runs.emplace_back();
    r.offset = run.offset * size;
    r.bytes = run.elements * size;
    for (const auto& [count, step] : run.repeats) r.repeats.push_back({count, step * size});
  }
  return runs;
}

bool uses(const Command& c, uint32_t buffer) {
  return std::ranges::find(c.buffers, buffer) != c.buffers.end();
}

// Buffers with a border, by the first command of their lives.
Vec<uint32_t> bordered(const Lir& lir, Image& image) {
  Vec<uint32_t> buffers;
  for (const Placed& p : lir.placed) {
    const LirBuffer& b = lir.buffers[p.buffer];
    if (p.inside || b.role != LirBuffer::Role::kTemporary || !b.fill || b.slot >= 0) continue;
    image.buffers[p.buffer].border =
        in_bytes(border_of(p.storage, lir.graph[p.value].type.shape), size_of(b.dtype));
    buffers.push_back(p.buffer);
  }
  std::ranges::stable_sort(buffers, {}, [&](uint32_t b) { return image.buffers[b].first; });
  return buffers;
}

// Commands get other numbers.
class Insertion {
 public:
  Insertion(Image& image, const Vec<uint32_t>& buffers) : image_(image) {
    for (const uint32_t b : buffers) fills_.push_back({b, image.buffers[b].first});
    for (uint32_t i = 0; i < image.commands.size(); ++i) {
      while (added_ < fills_.size() && fills_[added_].before <= i) {
        fills_[added_].at = i + added_;
        ++added_;
      }
      number_.push_back(i + added_);
    }
  }

  void run() {
    // Who waits for another one that uses the buffer waits for its fill.
    for (Command& c : image_.commands) renumber(c);
    for (Buffer& b : image_.buffers) {
      if (b.kind != Buffer::Kind::kArena) continue;
      b.first = number_[b.first];
      b.last = number_[b.last];
    }
    for (image::State& s : image_.states) {
      for (uint32_t& c : s.copies) c = number_[c];
    }
    Vec<Command> commands(number_.empty() ? 0 : number_.back() + 1);
    for (uint32_t i = 0; i < image_.commands.size(); ++i) {
      commands[number_[i]] = std::move(image_.commands[i]);
    }
    for (const Fill& f : fills_) {
      image_.buffers[f.buffer].first = f.at;
      commands[f.at] = {.kind = Command::Kind::kFill, .buffers = {f.buffer}};
    }
    image_.commands = std::move(commands);
  }

 private:
  struct Fill {
    uint32_t buffer = 0;
    // Old number of the command that comes behind it, own new one.
    uint32_t before = 0, at = 0;
  };

  void renumber(Command& c) {
    Vec<uint32_t> waits;
    for (const uint32_t w : c.waits) {
      waits.push_back(number_[w]);
      for (const Fill& f : fills_) {
        if (uses(c, f.buffer) && uses(image_.commands[w], f.buffer)) waits.push_back(f.at);
      }
    }
    sort_uniquely(waits);
    c.waits = std::move(waits);
  }

  Image& image_;
  Vec<Fill> fills_;
  size_t added_ = 0;
  // By old number.
  Vec<uint32_t> number_;
};

}  // namespace

void add_border_fills(const Lir& lir, Image& image) {
  const Vec<uint32_t> buffers = bordered(lir, image);
  if (buffers.empty()) return;
  for (const Command& c : image.commands) RLX_CHECK(c.ends.empty(), "a border beside blocks");
  Insertion(image, buffers).run();
}

}  // namespace rlx
