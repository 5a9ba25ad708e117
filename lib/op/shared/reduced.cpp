#include "op/shared/reduced.h"

#include <algorithm>

namespace rlx {

Result<Vec<int>> reduced_axes(const InferCtx& c, bool noop_with_empty_axes) {
  const int rank = c.in(0).rank();
  RLX_TRY(auto given, known_integers(c, 1, "axes"));
  RLX_TRY(const Vec<int> axes, checked_axes(c, given.value_or(Vec<int64_t>()), rank));
  return axes.empty() && !noop_with_empty_axes ? iota(0, rank) : axes;
}

Vec<int> reduced_axes(const KernelBuilder& b, bool noop_with_empty_axes) {
  const int rank = b.in(0).rank();
  Vec<int> axes;
  for (const int64_t axis : integers_at(b, 1)) axes.push_back(axis_of(axis, rank));
  std::sort(axes.begin(), axes.end());
  return axes.empty() && !noop_with_empty_axes ? iota(0, rank) : axes;
}

Vec<int> reduced_axes(const GraphBuilder& g, const Values& inputs, bool noop_with_empty_axes) {
  const int rank = g.type(inputs[0]).rank();
  Vec<int> axes;
  if (inputs.size() > 1 && inputs[1].valid()) {
    const Vec<Dim> given = *g.known(inputs[1]);
    for (const Dim& d : given) axes.push_back(axis_of(d.constant().value(), rank));
  }
  std::sort(axes.begin(), axes.end());
  return axes.empty() && !noop_with_empty_axes ? iota(0, rank) : axes;
}

Vec<Dim> reduced_shape(const Vec<Dim>& shape, const Vec<int>& axes, bool keepdims) {
  const Vec<Dim> rest = without_axes(shape, axes);
  return keepdims ? interleave(axes, Vec<Dim>(axes.size(), Dim(1)), rest) : rest;
}

}  // namespace rlx
