#include "op/shared/quantised.h"

#include <algorithm>

#include "op/shared/access.h"
#include "op/shared/axes.h"
#include "op/shared/codes.h"

namespace rlx {
namespace {

bool is_all_zero(const Constant* c) {
  return c && std::ranges::all_of(c->data.bytes(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

bool is_one(const Type& t) { return t.rank() == 0 || (t.rank() == 1 && t.shape[0].is(1)); }

Status require_parameters(InferCtx& c, const Quantised& q, int i) {
  const Type& x = c.in(0);
  const Type& given = c.in(i);
  const bool blocked = q.block_size > 0;
  if (!blocked && is_one(given)) return {};
  RLX_TRY(const int checked, checked_axis(c, q.axis, x.rank()));
  const auto axis = static_cast<size_t>(checked);
  if (given.rank() != (blocked ? x.rank() : 1)) {
    return c.error(kBadInput, "scales or zero points have the wrong rank",
                   "give one, one an index of the axis, or one a block");
  }
  if (!blocked) return c.require_equal(given.shape[0], x.shape[axis]);
  Vec<Dim> wanted = x.shape;
  wanted[axis] = ceil_div(wanted[axis], q.block_size);
  for (size_t k = 0; k < wanted.size(); ++k) {
    RLX_TRY_VOID(c.require_equal(given.shape[k], wanted[k]));
  }
  return {};
}

Status require_scales_and_zeros(InferCtx& c, const Quantised& q) {
  if (!is_float(c.in(1).dtype)) return c.error(kBadInput, "scales are not floats");
  if (q.block_size < 0) return c.error(kBadAttribute, "block_size is negative");
  RLX_TRY_VOID(require_parameters(c, q, 1));
  if (!c.has(2) || is_one(c.in(2))) return {};
  return require_parameters(c, q, 2);
}

Ex load_parameter(KernelBuilder& b, StageBuilder& s, const Quantised& q, int i,
                  const Vec<Dim>& at) {
  if (is_one(b.in(i))) return load_scalar(b, s, i);
  const auto axis = static_cast<size_t>(axis_of(q.axis, b.in(0).rank()));
  if (q.block_size == 0) return s.load(b.input(i), {at[axis]});
  Vec<Dim> index = at;
  index[axis] = floor_div(at[axis], q.block_size);
  return s.load(b.input(i), index);
}

Ex less_zero_point(KernelBuilder& b, StageBuilder& s, Ex x, int zero, const Vec<Dim>& at) {
  x = cast(x, DType::kI32);
  if (!b.has(zero)) return x;
  const Constant* known = b.constant(zero);
  if (is_all_zero(known)) return x;
  const bool is_number = known && known->elements() == 1;
  const Ex z = is_number ? constant(s, only_element(*known)) : s.load(b.input(zero), at);
  return x - cast(z, DType::kI32);
}

}  // namespace rlx
