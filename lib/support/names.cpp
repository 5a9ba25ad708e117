#include "support/names.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace rlx {
namespace {

// How many characters must be added, dropped or changed to make b of a.
size_t distance(std::string_view a, std::string_view b) {
  Vec<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string hint_for(std::string_view wrong, const Vec<std::string>& known) {
  if (known.empty()) return "there are none";
  auto far = [&](const std::string& name) { return distance(wrong, name); };
  const std::string& nearest = *std::ranges::min_element(known, {}, far);
  std::string hint;
  if (far(nearest) <= std::max<size_t>(1, wrong.size() / 2)) {
    hint = fmt::format("did you mean \"{}\"? ", nearest);
  }
  return hint + fmt::format("known are {}", fmt::join(known, ", "));
}

}  // namespace rlx
