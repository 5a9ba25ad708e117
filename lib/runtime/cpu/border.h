// Puts a pattern where a buffer's border is.
#pragma once
#include "runtime/cpu/program.h"

namespace rlx::runtime::cpu {

// The tiles of a fill whose buffer has a border; `buffer` is where that lies.
void fill_border(void* buffer, const Step& step, Turn::Tiles tiles);

}  // namespace rlx::runtime::cpu
