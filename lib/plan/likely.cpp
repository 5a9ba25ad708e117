#include "plan/likely.h"

#include <charconv>

#include "kernel/substitute.h"

namespace rlx {
namespace {

void add(LikelyDims& dims, std::string_view item) {
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos) return;
  int64_t value = 0;
  const std::string_view number = item.substr(equals + 1);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec != std::errc() || read.ptr != number.data() + number.size()) return;
  dims.emplace(std::string(item.substr(0, equals)), Dim(value));
}

bool are_alike(const Vec<Alternative>& a, const Vec<Alternative>& b) {
  return std::ranges::equal(a, b, [](const Alternative& x, const Alternative& y) {
    return x.choice.algorithm == y.choice.algorithm;
  });
}

}  // namespace

LikelyDims likely_dims(const Vec<std::pair<std::string, std::string>>& options) {
  LikelyDims dims;
  for (const auto& [name, value] : options) {
    if (name != "likely") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const size_t end = std::min(rest.find(','), rest.size());
      add(dims, rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return dims;
}

Result<Vec<Alternative>> likely_rows(const Kernel& k, const Target& target, Menu menu,
                                     const LikelyDims& likely) {
  RLX_TRY(Vec<Alternative> rows, menu(k, target));
  if (likely.empty()) return rows;
  const auto closed = menu(at_values(k, likely), target);
  // Numbers may fit what open extents do not: such a row has no price here.
  if (!closed || !are_alike(rows, *closed)) return rows;
  for (size_t i = 0; i < rows.size(); ++i) rows[i].cost = (*closed)[i].cost;
  return rows;
}

}  // namespace rlx
