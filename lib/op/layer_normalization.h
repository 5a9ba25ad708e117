// Rows moved and scaled to mean 0 and variance 1, then times `scale` plus `bias`.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"
#include "op/shared/rows.h"

namespace rlx::ops {

// Inputs: x, scale, bias; the last two broadcast to a row, which is the axes from `axis` on.
// Outputs: y, and optionally the mean and the inverse standard deviation of each row.
struct LayerNormalization {
  static constexpr std::string_view name = "layer_normalization";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1, .out = 3};
  static constexpr DTypes dtypes = kFloats;

  int64_t axis = -1;
  float epsilon = 1e-5F;
  // ONNX's code of the type in which statistics are computed: 1 is f32.
  int64_t stash_type = 1;

  static Result<Types> infer(const LayerNormalization& o, InferCtx& c) {
    const Type& x = c.in(0);
    if (o.stash_type != 1) {
      return c.error(kUnsupportedForm, "stash_type is not 1 (f32)", "compute statistics in f32");
    }
    RLX_TRY(const int axis, checked_axis(c, o.axis, x.rank()));
    for (int i = 1; i < c.inputs(); ++i) {
      if (!c.has(i)) continue;
      if (c.in(i).dtype != x.dtype) {
        return c.error(kBadInput, "inputs have different element types");
      }
      RLX_TRY_VOID(require_broadcast_to(c, i, x.shape, "scale or bias is larger than a row"));
    }
    Type statistic = Type::tensor(compute_type(x.dtype), x.shape);
    for (const int k : iota(axis, x.rank())) statistic.shape[static_cast<size_t>(k)] = 1;
    Types out = {x, statistic, statistic};
    out.resize(static_cast<size_t>(c.outputs()));
    return out;
  }

  static Status lower(const LayerNormalization& o, KernelBuilder& b) {
    const int rank = b.in(0).rank();
    const Rows rows(b, iota(axis_of(o.axis, rank), rank));
    const Place mean = b.local(b.in(0).dtype);
    const Place scale = b.local(b.in(0).dtype);
    {
      StageBuilder s = b.reduce(rows.extents());
      s.store(mean, {}, over_length(rows, sum(s, s.load(b.input(0), rows.at(s)))));
    }
    {
      StageBuilder s = b.reduce(rows.extents());
      const Ex x = s.load(b.input(0), rows.at(s));
      const Ex centred = x - s.load(mean, {});
      const Ex variance = over_length(rows, sum(s, centred * centred));
      s.store(scale, {}, 1 / apply(Fn::kSqrt, variance + o.epsilon));
    }
    {
      StageBuilder s = b.map(rows.extents());
      const Vec<Dim> at = rows.at(s);
      Ex y = s.load(b.input(0), at);
      y = y - s.load(mean, {});
      y = y * s.load(scale, {});
      if (b.has(1)) y = y * load_broadcast(b, s, 1, at);
      if (b.has(2)) y = y + load_broadcast(b, s, 2, at);
      s.store(b.output(), at, y);
    }
    if (b.outputs() > 1) copy_out(b, rows, mean, 1);
    if (b.outputs() > 2) copy_out(b, rows, scale, 2);
    return {};
  }

  static Result<Values> grad(const LayerNormalization& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    const Wire x = f(in.inputs[0]);
    const Vec<int> axes = iota(axis_of(o.axis, x.rank()), x.rank());
    const Normalised n = normalised(o, x, axes);
    Vec<Wire> grads(in.inputs.size(), f.none());
    // By y as it is before scale and bias.
    Wire inner = f.none();
    if (in.outer[0].valid()) {
      const Wire outer = cast(f(in.outer[0]), n.y.dtype());
      const Wire scale = cast(f(in.inputs[1]), n.y.dtype());
      inner = outer * scale;
      if (in.wanted[1]) grads[1] = sum_to(outer * n.y, scale.shape());
      if (in.inputs.size() > 2 && in.inputs[2].valid() && in.wanted[2]) {
        grads[2] = sum_to(outer, f(in.inputs[2]).shape());
      }
      const Wire shares = inner * n.y;
      const Wire along = n.y * reduce("reduce_mean", shares, axes);
      const Wire level = reduce("reduce_mean", inner, axes);
      const Wire centred = inner - level;
      grads[0] = (centred - along) * n.factor;
    }
    grads[0] = added(grads[0], of_statistics(f, in, n, x, axes));
    for (Wire& g : grads) {
      if (g.valid()) g = cast(g, x.dtype());
    }
    return f.values(grads);
  }

  static Result<Values> jvp(const LayerNormalization& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    const Wire x = f(in.inputs[0]);
    const Vec<int> axes = iota(axis_of(o.axis, x.rank()), x.rank());
    const Normalised n = normalised(o, x, axes);
    const DType type = n.y.dtype();
    Vec<Wire> tangents(in.outputs.size(), f.none());
    if (in.tangents[0].valid()) {
      const Wire tangent = cast(f(in.tangents[0]), type);
      const Wire level = reduce("reduce_mean", tangent, axes);
      const Wire along = reduce("reduce_mean", tangent * n.y, axes);
      const Wire centred = tangent - level;
      const Wire slope = (centred - n.y * along) * n.factor;
      tangents[0] = slope * cast(f(in.inputs[1]), type);
      if (tangents.size() > 1) tangents[1] = level;
      if (tangents.size() > 2) {
        const Wire square = n.factor * n.factor;
        tangents[2] = -(square * along);
      }
    }
    if (in.tangents[1].valid()) {
      tangents[0] = added(tangents[0], n.y * cast(f(in.tangents[1]), type));
    }
    if (in.tangents.size() > 2 && in.tangents[2].valid()) {
      tangents[0] = added(tangents[0], cast(f(in.tangents[2]), type));
    }
    if (tangents[0].valid()) tangents[0] = cast(expand(tangents[0], x.shape()), x.dtype());
    return f.values(tangents);
  }

  static Result<Values> batch(const LayerNormalization& o, GraphBuilder& b, const BatchIn& in) {
    if (!others_are_batched(in)) return batch_along(b, in, o);
    // Scale and bias of each index come behind rows that have neither.
    Formula f(b);
    const Wire x = batched_input(f, in, 0);
    LayerNormalization further = o;
    if (o.axis >= 0) ++further.axis;
    const Wire one = f.number(x.dtype(), 1.0);
    const auto outputs = static_cast<int>(b.graph()[in.node].outputs.size());
    Vec<Wire> all = f.make_all(attrs(further), {x, one}, outputs);
    for (size_t i = 1; i < in.inputs.size(); ++i) {
      if (!in.inputs[i].valid()) continue;
      Wire w = f(in.inputs[i]);
      Vec<Dim> shape = w.shape();
      if (in.batched[i]) shape.insert(shape.begin() + 1, x.shape().size() - shape.size(), Dim(1));
      w = reshape(w, shape);
      all[0] = i == 1 ? all[0] * w : all[0] + w;
    }
    return f.values(all);
  }

 private:
  // The rows at mean 0 and variance 1, in the type of the statistics, and the inverse standard deviations.
  struct Normalised {
    Wire y, factor;
  };

  static Normalised normalised(const LayerNormalization& o, Wire x, const Vec<int>& axes) {
    x = cast(x, compute_type(x.dtype()));
    const Wire centred = x - reduce("reduce_mean", x, axes);
    const Wire variance = reduce("reduce_mean", centred * centred, axes);
    const Wire deviation = x.formula->make("sqrt", {variance + o.epsilon});
    const Wire factor = 1.0 / deviation;
    return {centred * factor, factor};
  }

  // What comes back through the mean and the inverse deviation, where these are read.
  static Wire of_statistics(Formula& f, const GradIn& in, const Normalised& n, Wire x,
                            const Vec<int>& axes) {
    Wire grad = f.none();
    const Wire count = f.number(n.y.dtype(), product(select_axes(x.shape(), axes)));
    if (in.outer.size() > 1 && in.outer[1].valid()) {
      const Wire share = f(in.outer[1]) / count;
      grad = expand(share, x.shape());
    }
    if (in.outer.size() > 2 && in.outer[2].valid()) {
      const Wire share = f(in.outer[2]) / count;
      const Wire slope = share * n.factor;
      const Wire along = slope * n.factor;
      grad = added(grad, -(n.y * along));
    }
    return grad;
  }

  static Ex over_length(const Rows& rows, Ex sum) {
    return sum / cast(sum.stage->index(rows.length()), sum.type());
  }

  static void copy_out(KernelBuilder& b, const Rows& rows, Place local, int output) {
    StageBuilder s = b.map();
    s.store(b.output(output), rows.row(true), s.load(local, {}));
  }
};
RLX_OP(LayerNormalization);

}  // namespace rlx::ops
