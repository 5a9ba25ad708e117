// Whether a run for larger extents gives what a run for smaller ones would: a variant bound to seq=256 serves seq=200 where
// its inputs are padded, its outputs are cut, and nothing of the padding reaches what is kept.
//
// Kernels are loop programs over symbols, so the points of the smaller run are points of the larger one: those whose loops
// are below their smaller extents. Such a point does the same in both where nothing that it evaluates or reads speaks of
// the symbols: an index that was inside of the smaller axis is the same index. What is left to show is that no loop that
// is longer ends in a stage (a sum would have more terms), and that the other points write elsewhere. So taint needs no sets of elements: kept is
// what lies below the smaller extents on every axis, and each stage either keeps that or is refused.
//
// On purpose nothing is made of masks: a sum whose padded terms a mask makes 0 is refused, since the order of sums, and
// with it the bits, depends on the extent. What ifs and loops choose is not looked at, and is refused.
#pragma once
#include <set>

#include "ir/graph.h"

namespace rlx {

struct NotCovered {
  // Of the model.
  std::string node;
  std::string why;
};

// nullopt where every run of `g` for larger values of these symbols, all at least 1, keeps the outputs of a run for the
// smaller ones. Inputs are padded with zeros; all else is the same, and the facts of the graph hold for both.
// `g` is the graph of a LIR.
Result<std::optional<NotCovered>> why_not_covered(const Graph& g,
                                                  const std::set<std::string>& symbols);

}  // namespace rlx
