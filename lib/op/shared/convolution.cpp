#include "op/shared/convolution.h"

namespace rlx {

ConvPlaces conv_places(const KernelBuilder& b, const Window& window, int64_t group,
                       const Vec<Dim>& at, const Dim& channel, const Vec<Dim>& k) {
  const Vec<Dim>& w = b.in(1).shape;
  const Dim number = group == 1 ? Dim(0) : floor_div(at[1], floor_div(w[0], group));
  Vec<Dim> x_at = window.position({at.begin() + 2, at.end()}, k);
  x_at.insert(x_at.begin(), {at[0], number * w[1] + channel});
  Vec<Dim> w_at = k;
  w_at.insert(w_at.begin(), {at[1], channel});
  return {std::move(x_at), std::move(w_at)};
}

Ex where_inside(const Window& window, const Vec<Dim>& at, Ex x) {
  StageBuilder& s = *x.stage;
  Ex out = x;
  for (size_t i = 0; i < window.axes.size(); ++i) {
    if (window.axes[i].inside) continue;
    const Ex place = s.index(at[i + 2]);
    const Ex end = s.index(window.axes[i].in);
    const Ex first = s.constant_int(DType::kI64, 0);
    const Ex zero = constant_like(x, 0);
    out = select(apply(Fn::kLt, place, first), zero, out);
    out = select(apply(Fn::kLt, place, end), out, zero);
  }
  return out;
}

}  // namespace rlx
