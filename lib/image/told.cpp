#include "image/told.h"

#include <algorithm>
#include <ranges>

#include "image/codes.h"
#include "image/pack.h"

namespace rlx::image {
namespace {

// Walks back: slices whose size the loop and what is behind it tell are as many as its trips turn out to be; a size that
// was told before is known when the loop begins.
Vec<bool> given_buffers(const Image& image) {
  Vec<bool> given(image.buffers.size()), told_behind(image.symbols.size());
  for (const Command& c : std::views::reverse(image.commands)) {
    if (c.kind == Command::Kind::kGive) given[c.buffers[0]] = true;
    for (size_t i = 6; c.kind == Command::Kind::kLoop && i < c.buffers.size(); i += 2) {
      const uint32_t slices = c.buffers[i];
      if (speaks_of(image.buffers[slices].bytes, told_behind)) given[slices] = true;
    }
    for (const Told& t : c.told) told_behind[t.symbol] = true;
  }
  return given;
}

Telling telling_of(const Image& image, const ToldExtents& told, uint32_t command, uint32_t end) {
  Telling telling;
  Vec<bool> mine(image.symbols.size());
  for (const Told& t : image.commands[command].told) mine[t.symbol] = true;
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    if (!told.is_given[b] && speaks_of(image.buffers[b].bytes, mine)) telling.buffers.push_back(b);
  }
  for (uint32_t later = command + 1; later < end; ++later) {
    for (const Told& t : image.commands[later].told) telling.forgets.push_back(t.symbol);
  }
  return telling;
}

}  // namespace

Vec<std::pair<uint32_t, uint32_t>> blocks_around(const Image& image) {
  Vec<std::pair<uint32_t, uint32_t>> around, open{{0, image.commands.size()}};
  for (uint32_t i = 0; i < image.commands.size(); ++i) {
    while (open.back().second <= i && open.size() > 1) open.pop_back();
    around.push_back(open.back());
    const Vec<uint32_t>& ends = image.commands[i].ends;
    // The first block is on top.
    for (size_t block = ends.size(); block-- > 0;) {
      const uint32_t begin = block == 0 ? i + 1 : ends[block - 1];
      if (begin < ends[block]) open.emplace_back(begin, ends[block]);
    }
  }
  return around;
}

Vec<bool> told_symbols(const Image& image) {
  Vec<bool> is_told(image.symbols.size());
  for (const Command& c : image.commands) {
    for (const Told& t : c.told) is_told[t.symbol] = true;
  }
  return is_told;
}

ToldExtents told_extents(const Image& image) {
  ToldExtents told{.is_told = told_symbols(image)};
  told.is_given = given_buffers(image);
  if (std::ranges::count(told.is_told, true) == 0) return told;
  const auto around = blocks_around(image);
  for (uint32_t i = 0; i < image.commands.size(); ++i) {
    if (image.commands[i].told.empty()) continue;
    told.commands.emplace(i, telling_of(image, told, i, around[i].second));
  }
  return told;
}

bool speaks_of(const Extent& e, const Vec<bool>& symbols) {
  return std::ranges::any_of(e.steps, [&](Extent::Step step) {
    return step.op == Extent::Op::kSymbol && symbols[static_cast<size_t>(step.operand)];
  });
}

bool is_told(const Tensor& tensor, const ToldExtents& told) {
  return std::ranges::any_of(tensor.shape,
                             [&](const Extent& e) { return speaks_of(e, told.is_told); });
}

bool is_untold(const Extent& e, const Vec<int64_t>& symbols) {
  return std::ranges::any_of(e.steps, [&](Extent::Step step) {
    return step.op == Extent::Op::kSymbol && symbols[static_cast<size_t>(step.operand)] == kUntold;
  });
}

int64_t told_base(uint32_t command) { return (int64_t{command} + 1) * kMaxArena; }

Result<int64_t> place_told(const Image& image, const ToldExtents& told, uint32_t command,
                           const Vec<int64_t>& symbols, Placement& placement) {
  Vec<uint32_t> arena;
  int64_t sum = 0;
  for (const uint32_t b : told.commands.at(command).buffers) {
    const Buffer& buffer = image.buffers[b];
    RLX_TRY(placement.bytes[b], bytes_of(image, buffer, symbols));
    sum += std::min(std::max<int64_t>(placement.bytes[b], 0), kMaxArena);
    if (sum >= kMaxArena) {
      return Error(kTooMuchMemory, "what the data tells needs more memory than there is");
    }
    if (buffer.kind == Buffer::Kind::kArena) arena.push_back(b);
  }
  return pack_buffers(image, arena, told_base(command), placement);
}

}  // namespace rlx::image
