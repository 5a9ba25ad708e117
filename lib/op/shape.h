// The input's extents from axis `start` to before axis `end`, as integers.
#pragma once
#include <algorithm>

#include "op/op.h"
#include "op/shared/view.h"

namespace rlx::ops {

struct Shape {
  static constexpr std::string_view name = "shape";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t start = 0;
  // None: the rank.
  std::optional<int64_t> end = std::nullopt;

  static Vec<Dim> extents(const Shape& o, const Type& in) {
    const int64_t rank = in.rank();
    auto clamped = [&](int64_t axis) {
      return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
    };
    const int64_t first = clamped(o.start);
    const int64_t last = std::max(first, clamped(o.end.value_or(rank)));
    return {in.shape.begin() + first, in.shape.begin() + last};
  }

  static Result<Types> infer(const Shape& o, InferCtx& c) {
    Vec<Dim> dims = extents(o, c.in(0));
    Type out = Type::tensor(DType::kI64, {static_cast<int64_t>(dims.size())});
    tell(c, out, std::move(dims));
    return Types{std::move(out)};
  }

  static Status lower(const Shape& o, KernelBuilder& b) {
    StageBuilder s = b.map();
    int64_t i = 0;
    for (const Dim& d : extents(o, b.in(0))) s.store(b.output(), {i++}, s.index(d));
    return {};
  }
};
RLX_OP(Shape);

}  // namespace rlx::ops
