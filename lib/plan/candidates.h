// The queue of merges that may be worth their while.
#pragma once
#include <map>
#include <queue>

#include "plan/unit_order.h"
#include "target/cost.h"

namespace rlx {

struct Candidate {
  // Along an edge: one reads what the other writes. Siblings: both read a value, and the first runs before.
  enum class Kind : uint8_t { kEdge, kSiblings };

  Kind kind = Kind::kEdge;
  // Of siblings the first and the second.
  UnitId writer, reader;
  // Of an edge the most that it may be, of siblings nothing, so that they come last; exact once priced.
  Cost gain = Cost::most();
  // Of the two units when it was queued.
  uint32_t writer_version = 0, reader_version = 0;
};

// Which comes first: the greater gain; then edges; then the reader that runs earlier; then the writer that runs later,
// which keeps the reader's other operands ready (a residual add joins the second of its two convolutions).
struct ComesLater {
  bool operator()(const Candidate& a, const Candidate& b) const {
    if (a.gain != b.gain) return a.gain < b.gain;
    if (a.kind != b.kind) return a.kind > b.kind;
    if (a.reader != b.reader) return a.reader > b.reader;
    return a.writer < b.writer;
  }
};

using CandidateQueue = std::priority_queue<Candidate, Vec<Candidate>, ComesLater>;

}  // namespace rlx
