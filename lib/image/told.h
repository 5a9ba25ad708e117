// Symbols that the run tells, and the buffers whose sizes speak of them: these have their memory where the last of their
// symbols gets its value, all that are then known at once. Such buffers hold nothing across the telling.
#pragma once
#include "image/image.h"

namespace rlx::image {

// Told by the same command first, and what they size.
struct ToldGroup {
  Vec<uint32_t> buffers;
};

struct ToldGroups {
  // By symbol: its group; -1: known before the run.
  Vec<int32_t> of_symbol;
  // In the order of the commands.
  Vec<ToldGroup> groups;

  bool none() const { return groups.empty(); }
};

ToldGroups told_groups(const Image& image);
// By buffer: whether it has its memory from who writes it, as large as that then is: of what commands give, and of told
// numbers of slices.
Vec<bool> given_buffers(const Image& image);
// Those of its symbols.
Vec<uint32_t> groups_told_by(const ToldGroups& told, const Command& command);
// The greatest group that the expression speaks of; -1: none.
int32_t group_of(const ToldGroups& told, const Extent& e);

// Whether the expression speaks of a symbol that has no value yet.
bool is_untold(const Extent& e, const Vec<int64_t>& symbols);

// Gives the buffers of a group their sizes and offsets in `placement`. Offsets of different groups, and of the arena,
// are far apart: an arena buffer lies at its offset minus told_base(group) in the memory of its group, which has the
// bytes that are returned; outputs and those that are `given` have none. A size that has no value yet is -1. Errors 5xxx and 11xxx.
Result<int64_t> place_told(const Image& image, const ToldGroups& told, const Vec<bool>& given,
                           uint32_t group, const Vec<int64_t>& symbols, Placement& placement);
int64_t told_base(uint32_t group);

// A part of verify(): whatever way control takes, a symbol is told before something speaks of it. Of an image whose
// indexes and blocks are in range.
Status verify_told(const Image& image);

}  // namespace rlx::image
