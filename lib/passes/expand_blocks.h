// Writes block operators (batch_normalization, attention, decoder_block) in terms of
// smaller ones. The model speaks in blocks, kernels do not: what is inside of a block then folds
// and fuses like everything else.
#pragma once
#include "ir/graph.h"

namespace rlx {

// Types are known. New nodes have the block's origin.
Status expand_blocks(Graph& g);

}  // namespace rlx
