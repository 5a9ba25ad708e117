// Filling in a contraction, or a convolution, from its accesses.
#pragma once
#include "op/shared/access.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"

namespace rlx {

// Makes s the sum over its loops of input 0 at a_at times input 1 at b_at, and gives that sum. Grid
// loops that only one operand uses are rows (m) or columns (n), those of both batches.
Ex contract(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& grid, const Vec<Dim>& a_at,
            const Vec<Dim>& b_at);
// The same of a times b, which are made of what is read there.
Ex contract(StageBuilder& s, const Vec<Dim>& grid, const Vec<Dim>& a_at, const Vec<Dim>& b_at, Ex a,
            Ex b);
// Makes s, whose loops are an input channel and a window, the sum of x times w over a grid of batch, output channel
// and pixels, and gives that sum.
Ex convolve(StageBuilder& s, const Vec<Dim>& grid, Ex x, Ex w);
// That an input, the bias of a convolution, has a number of the type for each of its channels, or is left out.
Status check_bias(InferCtx& c, int bias, DType type, const Dim& channels);
// Where the sums of a convolution go that may have a bias: to the output, or to a local to which it is added.
class BiasedOutput {
 public:
  // `at`: the output's element at a grid point, the channel on axis 1. `bias`: the input.
  BiasedOutput(KernelBuilder& b, const Vec<Dim>& at, int bias);

  void store(StageBuilder& s, Ex sum) const;
  // Adds the bias, in a stage of its own.
  void finish() const;

 private:
  KernelBuilder& b_;
  const Vec<Dim>& at_;
  int bias_;
  std::optional<Place> local_;
};
// The ids of loops that are given as index expressions.
Vec<LoopId> loop_ids(const Vec<Dim>& loops);

}  // namespace rlx
