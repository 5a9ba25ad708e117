// Fusion on loop facts: two kernels become one, and the buffer between them a local.
//
// `writer` makes value v, `reader` reads it. They merge where each step of the reader's grid needs only what
// the same step of the writer's grid made: v is written once per element (one-to-one in the writer's loops)
// and read at plain loop indexes, so that every axis of v pairs a loop of the writer with one of the reader.
//   both grid loops          one grid loop of the merged kernel
//   grid here, stage there   the grid loop moves into its stages' loops: v becomes a row local
//   both stage loops         an axis of the local
//   reader's grid loop that v does not have   moves into the reader's stages (a row program's broadcast)
// A map that writes for one other stage only is inlined into it, so an elementwise chain is one body.
// Where loops of both sides would have to move, the two go over different rows, and stay apart; unless the
// writer is one map, which the reader's expressions can take in as it is (compose).
// A kernel grows to a bound of arguments and nodes, so that planning a model costs in proportion to its nodes.
// Everything is decided on these facts, never on operators. A refusal says which fact is missing.
#pragma once
#include "plan/unit.h"

namespace rlx {

// Whether a value must stay in memory: another kernel reads it, or it is an output.
using Needed = std::function<bool(ValueId)>;

// The merged unit, or the reason why not.
// Other values that pass from writer to reader become locals as well; what is `needed` is stored too.
Result<Unit> fuse(const Unit& writer, const Unit& reader, ValueId v, const Needed& needed);

// The reader with the map that makes v in its expressions; its loops are the reader's. Tried by fuse where
// loops cannot be merged. plan/compose.cpp.
Result<Kernel> compose(const Kernel& writer, const Kernel& reader, ValueId v, const Needed& needed);

// The kernel with its convolutions of one pixel as products of matrices; nullopt where it has none. Tried by fuse
// where a convolution would read its image in memory. plan/pointwise.cpp.
std::optional<Kernel> with_contracts(const Kernel& k);

// The two as one kernel where neither reads what the other makes, and both read a value at the same places: gate
// and up, queries, keys and values. Their grids pair loop by loop. plan/siblings.cpp.
Result<Unit> join(const Unit& a, const Unit& b);

// Inlines locals that one map stage writes and one later map or reduce reads. Part of fuse.
void inline_locals(Kernel& k);

}  // namespace rlx
