#include <algorithm>

#include "driver/build.h"
#include "driver/codes.h"

namespace rlx::driver {
namespace {

Error wrong_extent(const std::string& input, size_t axis, const Dim& wanted, int64_t got) {
  return Error(kShapeMismatch, "input " + input + ": axis " + std::to_string(axis) + " is " +
                                   to_text(wanted) + ", got " + std::to_string(got));
}

Status take_extent(const std::string& input, size_t axis, const Dim& wanted, int64_t got,
                   std::map<std::string, int64_t>& dims) {
  if (std::optional<int64_t> c = wanted.constant()) {
    return *c == got ? Status() : wrong_extent(input, axis, wanted, got);
  }
  std::optional<std::string> symbol = wanted.as_symbol();
  // An expression is checked when all of its symbols are known.
  if (!symbol) return {};
  auto [it, fresh] = dims.emplace(*symbol, got);
  if (fresh || it->second == got) return {};
  return Error(kShapeMismatch, "input " + input + ": axis " + std::to_string(axis) + " makes " +
                                   *symbol + " " + std::to_string(got) +
                                   ", another input makes it " + std::to_string(it->second));
}

}  // namespace

Result<Dims> dims_of(const Graph& g, const InputShapes& shapes) {
  std::map<std::string, int64_t> dims;
  for (ValueId v : g.inputs()) {
    auto it = std::find_if(shapes.begin(), shapes.end(),
                           [&](const auto& s) { return s.first == g[v].name; });
    if (it == shapes.end()) continue;
    const Vec<Dim>& wanted = g[v].type.shape;
    if (wanted.size() != it->second.size()) {
      return Error(kShapeMismatch, "input " + it->first + " has rank " +
                                       std::to_string(it->second.size()) + ", the model wants " +
                                       to_text(g[v].type));
    }
    for (size_t axis = 0; axis < wanted.size(); ++axis) {
      RLX_TRY_VOID(take_extent(it->first, axis, wanted[axis], it->second[axis], dims));
    }
  }
  return Dims(dims.begin(), dims.end());
}

}  // namespace rlx::driver
