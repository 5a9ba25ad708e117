// The mean of each window.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/conv_hooks.h"
#include "op/shared/pool.h"

namespace rlx::ops {

struct AveragePool {
  static constexpr std::string_view name = "average_pool";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kFloats;
  static constexpr bool linear = true;

  std::string auto_pad = "NOTSET";
  int64_t ceil_mode = 0;
  // Whether padding counts as elements.
  int64_t count_include_pad = 0;
  Vec<int64_t> dilations = {};
  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> pads = {};
  Vec<int64_t> strides = {};

  static Result<Types> infer(const AveragePool& o, InferCtx& c) {
    return infer_pool(c, attributes_of(o));
  }

  static Status lower(const AveragePool& o, KernelBuilder& b) {
    const Window window = window_of(b, attributes_of(o));
    const Vec<Dim> at = b.grid(b.out().shape);
    const RangeOf range = grid_ranges(b);
    StageBuilder s = b.reduce(window.kernel());
    const Ex x = read_window(b, s, window, at, Scalar::of(b.in(0).dtype, 0));
    const Ex count = cast(s.index(simplify(count_of(o, window, at), range)), x.type());
    s.store(b.output(), at, sum(s, x) / count);
    return {};
  }

  static Result<Values> grad(const AveragePool& o, GraphBuilder& b, const GradIn& in) {
    const Window window = window_of(KernelBuilder(b.graph(), in.node), attributes_of(o));
    Formula f(b);
    const Wire outer = f(in.outer[0]);
    const Wire counts = window_counts(f, outer.dtype(), window, o.count_include_pad != 0);
    const Vec<Dim> image = f(in.inputs[0]).shape();
    return f.values({gradient_of_window_sums(outer / counts, window, image)});
  }

  static Result<Values> batch(const AveragePool&, GraphBuilder& b, const BatchIn& in) {
    return batch_of_images(b, in);
  }

 private:
  static WindowAttributes attributes_of(const AveragePool& o) {
    return {o.auto_pad, o.kernel_shape, o.strides, o.dilations, o.pads, o.ceil_mode != 0};
  }

  // The elements under the window at `at`.
  static Dim count_of(const AveragePool& o, const Window& window, const Vec<Dim>& at) {
    Dim count = 1;
    for (size_t i = 0; i < window.axes.size(); ++i) {
      const WindowAxis& w = window.axes[i];
      const bool padding = o.count_include_pad != 0;
      const Dim lo = padding ? w.pad_lo : Dim(0), hi = padding ? w.pad_hi : Dim(0);
      count = count * (w.inside ? Dim(w.kernel) : w.met(at[i + 2], lo, hi));
    }
    return count;
  }
};
RLX_OP(AveragePool);

}  // namespace rlx::ops
