#include "op/shared/combining.h"

#include "op/shared/codes.h"

namespace rlx {

std::optional<Combine> combine_of(std::string_view reduction) {
  if (reduction == "none") return Combine::kSet;
  if (reduction == "add") return Combine::kAdd;
  if (reduction == "mul") return Combine::kMul;
  if (reduction == "max") return Combine::kMax;
  if (reduction == "min") return Combine::kMin;
  return std::nullopt;
}

Status require_combining(const InferCtx& c, std::string_view reduction) {
  const DType type = c.in(0).dtype;
  const std::optional<Combine> combine = combine_of(reduction);
  if (!combine) return c.error(kBadAttribute, "reduction is " + std::string(reduction));
  if (*combine == Combine::kSet) return {};
  if (compute_type(type) != type) {
    return c.error(kUnsupportedForm, "elements of 16-bit floats are not combined in place",
                   "cast data and updates to f32");
  }
  if (type == DType::kBool) {
    return c.error(kUnsupportedForm, "bools are not combined in place");
  }
  return {};
}

void copy_data(KernelBuilder& b) {
  StageBuilder s = b.map(b.in(0).shape);
  s.store(b.output(), s.loops(), s.load(b.input(0), s.loops()));
}

}  // namespace rlx
