// Zeroed memory in pages of 2 MB, for what is written soon: a first touch of each costs as much as that of some 80 small
// pages, of which it holds 512.
#pragma once
#include <cstddef>

namespace rlx {

inline constexpr size_t kBigPage = size_t{2} << 20;
// Below it what big pages hold beside is too much for what they save.
inline constexpr size_t kFewForBigPages = kBigPage / 2;

// Whole big pages, at a multiple of their size; small ones where the system has no others. Null, with errno, where it
// refuses. munmap gives them back.
std::byte* map_big_pages(size_t bytes);

}  // namespace rlx
