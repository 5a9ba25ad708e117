// What softmax and log_softmax share.
#pragma once
#include "kernel/functions.h"
#include "op/shared/batching.h"
#include "op/shared/formula.h"
#include "op/shared/rows.h"

namespace rlx {

// The row's maximum, as a local: subtracted first, it keeps exponentials finite.
inline Place store_maximum(KernelBuilder& b, const Rows& rows) {
  const Place top = b.local(b.in(0).dtype);
  StageBuilder s = b.reduce(rows.extents());
  s.store(top, {}, maximum(s, s.load(b.input(0), rows.at(s))));
  return top;
}

// e^(x - top) for x <= top: the bound, which changes nothing, makes the exponential cheaper.
inline Ex exp_below(Ex x, Ex top) {
  const Ex below = x - top;
  return apply(macro::kExp, apply(Fn::kMin, below, constant_like(x, 0)));
}

}  // namespace rlx
