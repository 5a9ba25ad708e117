// Puts a fill in front of what first uses a buffer that is filled anew in each run (LirBuffer::slot).
#pragma once
#include "image/image.h"
#include "lir/lir.h"

namespace rlx {

// Of an image whose commands are the items of the LIR, one each. Who reads the buffer waits for the fill too.
void add_border_fills(const Lir& lir, image::Image& image);

}  // namespace rlx
