// A map's body as part of another stage's, in place of loads of what it writes.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// Puts the body of `writer`, a map of one result, in place of reader.reads[read], which reads what it writes:
// the loops of writer.writes[0] are where the reader's index says. Arguments and locals are those of one
// kernel. The read stays, unused.
void inline_into(const Stage& writer, Stage& reader, uint32_t read);
// Removes a read that nothing loads; later reads move up.
void erase_read(Stage& s, uint32_t read);

}  // namespace rlx
