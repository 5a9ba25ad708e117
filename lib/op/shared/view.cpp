#include "op/shared/view.h"

#include "op/shared/reindex.h"

namespace rlx {

Result<Types> view_types(InferCtx& c, Vec<Dim> shape) {
  Type out = Type::tensor(c.in(0).dtype, std::move(shape));
  if (Known known = c.known(0)) tell(c, out, *std::move(known));
  return Types{std::move(out)};
}

Status lower_reshape(KernelBuilder& b) {
  return lower_view(b, [&](const Vec<Dim>& at) {
    return reshape_index(b.in(0).shape, b.out().shape, at, grid_ranges(b));
  });
}

}  // namespace rlx
