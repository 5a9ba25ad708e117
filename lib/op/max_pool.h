// The maximum of each window.
#pragma once
#include "op/op.h"
#include "op/shared/batching.h"
#include "op/shared/pool.h"
#include "op/shared/scattered.h"

namespace rlx::ops {

// Outputs: y, and optionally the place of each maximum in x as if x were flat.
struct MaxPool {
  static constexpr std::string_view name = "max_pool";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .out = 2};
  static constexpr DTypes dtypes = kNumbers;

  std::string auto_pad = "NOTSET";
  int64_t ceil_mode = 0;
  Vec<int64_t> dilations = {};
  Vec<int64_t> kernel_shape = {};
  Vec<int64_t> pads = {};
  // 1: places count with the last two axes swapped.
  int64_t storage_order = 0;
  Vec<int64_t> strides = {};

  static Result<Types> infer(const MaxPool& o, InferCtx& c) {
    RLX_TRY(Types out, infer_pool(c, attributes_of(o)));
    if (c.outputs() > 1) out.push_back(Type::tensor(DType::kI64, out[0].shape));
    return out;
  }

  static Status lower(const MaxPool& o, KernelBuilder& b) {
    const Window window = window_of(b, attributes_of(o));
    const Vec<Dim> at = b.grid(b.out().shape);
    StageBuilder s = b.reduce(window.kernel());
    const Ex x = read_window(b, s, window, at, lowest(b.in(0).dtype));
    if (b.outputs() == 1) {
      s.store(b.output(), at, maximum(s, x));
      return {};
    }
    store_with_place(o, b, s, window, at, x);
    return {};
  }

  // To the greatest element of each window, the first of several.
  static Result<Values> grad(const MaxPool& o, GraphBuilder& b, const GradIn& in) {
    Formula f(b);
    if (!in.outer[0].valid()) return f.values({f.none()});
    const Wire x = f(in.inputs[0]), outer = f(in.outer[0]);
    const Vec<Dim> image = x.shape();
    const Places p = places_of(o, x, outer.shape());
    const Wire share = or_zero(reshape(outer, p.windows), p);
    return f.values({reshape(scattered(p.inside, share, p.images, 1), image)});
  }

  static Result<Values> jvp(const MaxPool& o, GraphBuilder& b, const JvpIn& in) {
    Formula f(b);
    Vec<Wire> tangents(in.outputs.size(), f.none());
    const Vec<Dim> out = f(in.outputs[0]).shape();
    const Places p = places_of(o, f(in.inputs[0]), out);
    Attrs gather(find_op("gather_elements"));
    gather.each([](std::string_view, AttrRef axis) { *std::get<int64_t*>(axis) = 1; });
    const Wire pixels = reshape(f(in.tangents[0]), p.images);
    tangents[0] = reshape(or_zero(f.make(gather, {pixels, p.inside}), p), out);
    return f.values(tangents);
  }

  static Result<Values> batch(const MaxPool&, GraphBuilder& b, const BatchIn& in) {
    // Places would be those of all images.
    if (b.graph()[in.node].outputs.size() > 1) return not_batched(b, in, "the places of maxima");
    return batch_of_images(b, in);
  }

 private:
  // Images and windows as rows, and where in its image's row each window's greatest element is; `none` of a
  // window of padding alone.
  struct Places {
    Vec<Dim> images, windows;
    Wire inside, none;
  };

  static Places places_of(const MaxPool& o, Wire x, const Vec<Dim>& out) {
    Formula& f = *x.formula;
    MaxPool rows = o;
    rows.storage_order = 0;
    const Vec<Dim> image = x.shape();
    const Dim images = image[0] * image[1];
    const Dim pixels = product({image.begin() + 2, image.end()});
    Places p{.images = {images, pixels},
             .windows = {images, product({out.begin() + 2, out.end()})}};
    const Wire places = reshape(f.make_all(attrs(rows), {x}, 2)[1], p.windows);
    p.none = f.make("less", {places, f.number(DType::kI64, 0.0)});
    p.inside = f.make("mod", {places, f.number(DType::kI64, pixels)});
    return p;
  }

  static Wire or_zero(Wire x, const Places& p) {
    return x.formula->make("where", {p.none, x.formula->number(x.dtype(), 0.0), x});
  }

  static WindowAttributes attributes_of(const MaxPool& o) {
    return {o.auto_pad, o.kernel_shape, o.strides, o.dilations, o.pads, o.ceil_mode != 0};
  }

  // The first of the greatest elements wins; padding is no element.
  static void store_with_place(const MaxPool& o, KernelBuilder& b, StageBuilder& s,
                               const Window& window, const Vec<Dim>& at, Ex x) {
    const Ex place = s.index(place_of(o, b, window, at, s.loops()));
    const int best = s.add_accumulator(x.type(), lowest(x.type()));
    const int where = s.add_accumulator(DType::kI64, Scalar::of_int(DType::kI64, -1));
    const Ex better = apply(Fn::kGt, x, s.acc(best));
    // None is greater than the least value of the type.
    const Ex so_far = s.acc(where);
    const Ex none = apply(Fn::kLt, so_far, constant_like(so_far, 0));
    const Ex first = is_element(b, s, window, at, none);
    s.set_combine(best, apply(Fn::kMax, s.acc(best), x));
    const Ex wins = apply(Fn::kOr, better, first);
    s.set_combine(where, select(wins, place, s.acc(where)));
    s.store(b.output(), at, s.acc(best));
    s.store(b.output(1), at, s.acc(where));
  }

  // Whether `also` holds and the place under the stage's loops is no padding.
  static Ex is_element(KernelBuilder& b, StageBuilder& s, const Window& window, const Vec<Dim>& at,
                       Ex also) {
    const Vec<Dim> index = window.position({at.begin() + 2, at.end()}, s.loops());
    for (size_t i = 0; i < index.size(); ++i) {
      if (window.axes[i].inside) continue;
      const Ex here = s.index(index[i]);
      const Ex last = s.index(b.in(0).shape[i + 2] - 1);
      const Ex low = apply(Fn::kGe, here, constant_like(here, 0));
      also = apply(Fn::kAnd, also, low);
      also = apply(Fn::kAnd, also, apply(Fn::kLe, here, last));
    }
    return also;
  }

  static Dim place_of(const MaxPool& o, const KernelBuilder& b, const Window& window,
                      const Vec<Dim>& at, const Vec<Dim>& k) {
    Vec<Dim> index = window.position({at.begin() + 2, at.end()}, k);
    index.insert(index.begin(), {at[0], at[1]});
    Vec<Dim> shape = b.in(0).shape;
    if (o.storage_order != 0 && shape.size() > 3) {
      std::swap(index[index.size() - 1], index[index.size() - 2]);
      std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
    }
    Dim flat = 0;
    for (size_t axis = 0; axis < shape.size(); ++axis) flat = flat * shape[axis] + index[axis];
    return flat;
  }
};
RLX_OP(MaxPool);

}  // namespace rlx::ops
