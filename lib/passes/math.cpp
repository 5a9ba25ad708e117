#include "passes/math.h"

#include <algorithm>
#include <array>

namespace rlx {
namespace {

// In the order of Math.
constexpr std::array<std::string_view, 3> kNames{"exact", "default", "fast"};

}  // namespace

std::string_view name(Math m) { return kNames[static_cast<size_t>(m)]; }

std::optional<Math> math_named(std::string_view name) {
  auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Math>(at - kNames.begin());
}

}  // namespace rlx
