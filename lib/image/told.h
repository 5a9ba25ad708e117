// Symbols that commands tell, and the buffers whose sizes speak of them: these get their memory where a command tells the
// last of their symbols, and hold nothing across one that tells any.
#pragma once
#include "image/image.h"

namespace rlx::image {

struct Telling {
  // That speak of what the command tells, arena and output buffers, but those that are given room.
  Vec<uint32_t> buffers;
  // What commands behind it in its block tell: what they told in another trip counts no more.
  Vec<uint32_t> forgets;
};

struct ToldExtents {
  // By symbol.
  Vec<bool> is_told;
  // By buffer: whether it has its memory from who writes it, as large as that then is: of what commands give, and of
  // slices whose number or size is told behind the beginning of their loop.
  Vec<bool> is_given;
  std::map<uint32_t, Telling> commands;

  bool none() const { return commands.empty(); }
};

ToldExtents told_extents(const Image& image);
// ToldExtents::is_told alone.
Vec<bool> told_symbols(const Image& image);

bool speaks_of(const Extent& e, const Vec<bool>& symbols);
// Of a shape that the run tells, though there may be no byte in it.
bool is_told(const Tensor& tensor, const ToldExtents& told);
// Whether the expression speaks of a symbol that has no value yet.
bool is_untold(const Extent& e, const Vec<int64_t>& symbols);
// By command: the first command of the innermost block around it, and the end of that block.
Vec<std::pair<uint32_t, uint32_t>> blocks_around(const Image& image);

// Gives the buffers that a command sizes their sizes and offsets in `placement`. Offsets of different commands, and of the
// arena, are far apart: an arena buffer lies at its offset minus told_base(command) in the command's memory, which has
// the bytes that are returned; outputs have none. A size that has no value yet is -1. Errors 5xxx and 11xxx.
Result<int64_t> place_told(const Image& image, const ToldExtents& told, uint32_t command,
                           const Vec<int64_t>& symbols, Placement& placement);
int64_t told_base(uint32_t command);

// A part of verify(): whatever way control takes, a symbol is told before something speaks of it. Of an image whose
// indexes and blocks are in range.
Status verify_told(const Image& image);

}  // namespace rlx::image
