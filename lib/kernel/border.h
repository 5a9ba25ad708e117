// Where the halo and the padding of a tensor lie, for who puts their fill there.
#pragma once
#include "kernel/storage.h"

namespace rlx {

// Equal runs of elements: one at `offset`, and again wherever the repeats lead.
struct BorderRun {
  struct Repeat {
    int64_t count = 1, step = 0;
  };

  int64_t offset = 0, elements = 0;
  // Outermost first; each goes over all of those behind it.
  Vec<Repeat> repeats = {};
};

// All of it, no element twice; nothing where there is none, where its place depends on symbols, or where an axis that has
// some is divided.
Vec<BorderRun> border_of(const Storage& s, const Vec<Dim>& shape);
// How many elements those are.
int64_t elements_of(const Vec<BorderRun>& border);

}  // namespace rlx
