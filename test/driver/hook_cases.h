// Models of one operator, or a few, for hooks_test.cpp.
#pragma once
#include <string_view>

#include "support/ids.h"
#include "support/result.h"

namespace rlx::test {

struct HookCase {
  // "x[n, 5] w[]": floats; n is 3 and m is 4.
  const char* inputs;
  // In the text of graphs; the result is %y.
  const char* lines;
  // What inputs are drawn from.
  double lo = -1.5, hi = 1.5;
  // What there is none of: "grad", "jvp", "batch", or values too large or too many for "f16".
  std::string_view without = {};
};

const Vec<HookCase>& hook_cases();

}  // namespace rlx::test
