#include "op/shared/matrices.h"

#include <algorithm>

#include "op/shared/access.h"
#include "op/shared/codes.h"

namespace rlx {
namespace {

Vec<Dim> batch_of(const Vec<Dim>& shape) {
  return {shape.begin(), shape.end() - std::min<int64_t>(2, static_cast<int64_t>(shape.size()))};
}

// The axis of the second operand that is summed over.
size_t inner_axis(const Type& t) { return static_cast<size_t>(std::max(0, t.rank() - 2)); }

}  // namespace

Result<Vec<Dim>> infer_product_shape(InferCtx& c) {
  const Type& a = c.in(0);
  const Type& b = c.in(1);
  if (a.rank() == 0 || b.rank() == 0) return c.error(kBadInput, "a scalar has no matrix product");
  RLX_TRY_VOID(c.require_equal(a.shape.back(), b.shape[inner_axis(b)]));
  RLX_TRY(Vec<Dim> shape, c.broadcast(batch_of(a.shape), batch_of(b.shape)));
  if (a.rank() > 1) shape.push_back(a.shape[a.shape.size() - 2]);
  if (b.rank() > 1) shape.push_back(b.shape.back());
  return shape;
}

ProductPlaces product_places(const KernelBuilder& b, const Vec<Dim>& at, const Dim& k) {
  const Type& x = b.in(0);
  const Type& y = b.in(1);
  const int64_t matrix_axes = (x.rank() > 1 ? 1 : 0) + (y.rank() > 1 ? 1 : 0);
  const Vec<Dim> batch(at.begin(), at.end() - matrix_axes);
  const Vec<Dim> batch_shape(b.out().shape.begin(), b.out().shape.end() - matrix_axes);
  Vec<Dim> x_at = broadcast_index(b, batch_of(x.shape), batch_shape, batch);
  if (x.rank() > 1) x_at.push_back(at[batch.size()]);
  x_at.push_back(k);
  Vec<Dim> y_at = broadcast_index(b, batch_of(y.shape), batch_shape, batch);
  y_at.push_back(k);
  if (y.rank() > 1) y_at.push_back(at.back());
  return {std::move(x_at), std::move(y_at)};
}

}  // namespace rlx
