// Elements between those of a tensor: its value at a place that data gives, of the elements about it.
#pragma once
#include "op/shared/access.h"

namespace rlx {

// What lies beyond the ends of an axis.
enum class Beyond : uint8_t { kZeros, kBorder, kReflection };

// An element about a place on one axis, and what it counts; without a weight all.
struct Sample {
  // i64.
  Ex index;
  std::optional<Ex> weight = {};
};

// One axis, `extent` a float.
struct SampledAxis {
  Ex extent;
  Beyond beyond = Beyond::kZeros;
  // The ends are the middles of the elements there, else their edges.
  bool at_middles = false;

  // A place from -1 to 1 as one in elements.
  Ex place_of(Ex normal) const;
  // The place itself where it lies inside of the axis.
  Ex moved_inside(Ex place) const;
  Vec<Sample> nearest(Ex place) const;
  Vec<Sample> linear(Ex place) const;
  // Of Keys' kernel.
  Vec<Sample> cubic(Ex place) const;

 private:
  Ex reflected(Ex place) const;
  // The tap at a whole number.
  Ex index_of(Ex whole) const;
};

// Reads input `input` at an index of which each tap of each axis from `index.size()` on is one, and adds what they
// count.
Ex sampled(KernelBuilder& b, StageBuilder& s, int input, const Vec<AxisIndex>& index,
           const Vec<Vec<Sample>>& taps, const Bounds& bounds);

}  // namespace rlx
