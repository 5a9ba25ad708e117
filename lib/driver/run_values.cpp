#include "driver/run_values.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace rlx::driver {

std::string number_text(DType dtype, Wide value) {
  if (is_float(dtype)) return fmt::format("{:.6g}", static_cast<double>(value));
  return fmt::format("{:.0f}", value);
}

Summary summarise(const HostTensor& t) {
  Summary s;
  Wide min = INFINITY, max = -INFINITY, sum = 0;
  int64_t count = 0;
  each_element(t, [&](int64_t, Wide value) {
    if (s.first.size() < Summary::kShown) s.first.push_back(number_text(t.dtype, value));
    if (std::isnan(value)) {
      ++s.nan;
      return;
    }
    min = std::min(min, value);
    max = std::max(max, value);
    sum += value;
    ++count;
  });
  if (count == 0) return s;
  s.min = static_cast<double>(min);
  s.max = static_cast<double>(max);
  s.mean = static_cast<double>(sum / static_cast<Wide>(count));
  return s;
}

}  // namespace rlx::driver
