#include "image/told.h"

#include <algorithm>

#include "image/codes.h"
#include "image/pack.h"

namespace rlx::image {

ToldGroups told_groups(const Image& image) {
  ToldGroups told{.of_symbol = Vec<int32_t>(image.symbols.size(), -1)};
  for (const Command& command : image.commands) {
    const auto next = static_cast<int32_t>(told.groups.size());
    bool is_new = false;
    for (const Told& t : command.told) {
      if (told.of_symbol[t.symbol] >= 0) continue;
      told.of_symbol[t.symbol] = next;
      is_new = true;
    }
    if (is_new) told.groups.emplace_back();
  }
  if (told.none()) return told;
  for (uint32_t b = 0; b < image.buffers.size(); ++b) {
    const int32_t group = group_of(told, image.buffers[b].bytes);
    if (group >= 0) told.groups[static_cast<size_t>(group)].buffers.push_back(b);
  }
  return told;
}

Vec<bool> given_buffers(const Image& image) {
  Vec<bool> given(image.buffers.size());
  const ToldGroups told = told_groups(image);
  for (const Command& c : image.commands) {
    if (c.kind == Command::Kind::kGive) given[c.buffers[0]] = true;
    for (size_t i = 6; c.kind == Command::Kind::kLoop && i < c.buffers.size(); i += 2) {
      const uint32_t slices = c.buffers[i];
      if (!told.none() && group_of(told, image.buffers[slices].bytes) >= 0) given[slices] = true;
    }
  }
  return given;
}

int32_t group_of(const ToldGroups& told, const Extent& e) {
  int32_t group = -1;
  for (const Extent::Step step : e.steps) {
    if (step.op == Extent::Op::kSymbol) {
      group = std::max(group, told.of_symbol[static_cast<size_t>(step.operand)]);
    }
  }
  return group;
}

Vec<uint32_t> groups_told_by(const ToldGroups& told, const Command& command) {
  Vec<uint32_t> groups;
  for (const Told& t : command.told) {
    const auto group = static_cast<uint32_t>(told.of_symbol[t.symbol]);
    if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  }
  return groups;
}

int64_t told_base(uint32_t group) { return (int64_t{group} + 1) * kMaxArena; }

bool is_untold(const Extent& e, const Vec<int64_t>& symbols) {
  return std::ranges::any_of(e.steps, [&](Extent::Step step) {
    return step.op == Extent::Op::kSymbol && symbols[static_cast<size_t>(step.operand)] == kUntold;
  });
}

Result<int64_t> place_told(const Image& image, const ToldGroups& told, const Vec<bool>& given,
                           uint32_t group, const Vec<int64_t>& symbols, Placement& placement) {
  Vec<uint32_t> arena;
  int64_t sum = 0;
  for (const uint32_t b : told.groups[group].buffers) {
    const Buffer& buffer = image.buffers[b];
    RLX_TRY(placement.bytes[b], bytes_of(image, buffer, symbols));
    sum += std::min(std::max<int64_t>(placement.bytes[b], 0), kMaxArena);
    if (sum >= kMaxArena) {
      return Error(kTooMuchMemory, "what the data tells needs more memory than there is");
    }
    if (buffer.kind == Buffer::Kind::kArena && !given[b]) arena.push_back(b);
  }
  return pack_buffers(image, arena, told_base(group), placement);
}

}  // namespace rlx::image
