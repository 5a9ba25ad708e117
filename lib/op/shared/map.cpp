#include "op/shared/map.h"

#include "op/shared/codes.h"

namespace rlx {

Status require_same_dtype(const InferCtx& c, int first) {
  for (int i = first + 1; i < c.inputs(); ++i) {
    if (c.has(i) && c.in(i).dtype != c.in(first).dtype) {
      return c.error(kBadInput, "inputs have different element types", "add a cast to one of them");
    }
  }
  return {};
}

Result<Vec<Dim>> broadcast_inputs(InferCtx& c, int first) {
  Vec<Dim> shape = c.in(first).shape;
  for (int i = first + 1; i < c.inputs(); ++i) {
    if (!c.has(i)) continue;
    RLX_TRY(shape, c.broadcast(shape, c.in(i).shape));
  }
  return shape;
}

Result<Types> infer_map(InferCtx& c, bool predicate, FoldDims fold) {
  RLX_TRY_VOID(require_same_dtype(c));
  RLX_TRY(Vec<Dim> shape, broadcast_inputs(c));
  Type out = Type::tensor(predicate ? DType::kBool : c.in(0).dtype, std::move(shape));
  if (fold && !is_float(c.in(0).dtype)) tell_known(c, out, fold);
  return Types{std::move(out)};
}

Vec<Ex> read_all(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& at) {
  Vec<Ex> x;
  for (int i = 0; i < b.inputs(); ++i) {
    if (b.has(i)) x.push_back(load_broadcast(b, s, i, at));
  }
  return x;
}

}  // namespace rlx
