// An output against what was expected of it.
#pragma once
#include <optional>

#include "runtime/io/host_tensor.h"

namespace rlx::driver {

// |got - want| <= atol + rtol * |want| is right, for each element.
struct Tolerance {
  // Of the output's dtype where not given: f32 1e-4, f16 1e-2, bf16 2e-2, f64 1e-7 for both, others 0.
  std::optional<double> rtol = {}, atol = {};
  // The output's largest |want| in place of the element's own: --scale=max.
  bool by_largest = false;
};

struct Comparison {
  // "" where the output is right, else what is wrong: another type or shape, or how many elements and the
  // first of them.
  std::string problem;
  // Over elements that are numbers on both sides; infinite where one is and the other is not.
  double max_abs = 0, max_rel = 0;
  int64_t bad = 0;
  Vec<int64_t> first_bad;
  // With this as rtol and atol it would be right, rounded up to two digits; infinite: never.
  double passes_at = 0;
};

Comparison compare(const HostTensor& got, const HostTensor& want, const Tolerance& tolerance);

}  // namespace rlx::driver
