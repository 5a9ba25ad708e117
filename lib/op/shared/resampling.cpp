#include "op/shared/resampling.h"

#include <cmath>

#include "op/gather.h"
#include "op/shared/places.h"

namespace rlx {
namespace {

Wire real(Formula& f, const Dim& d) { return f.number(DType::kF32, d); }
Wire real(Formula& f, double d) { return f.number(DType::kF32, d); }

Wire make(std::string_view op, Wire x) { return x.formula->make(op, {x}); }
Wire make(std::string_view op, Wire a, Wire b) { return a.formula->make(op, {a, b}); }
Wire where(Wire condition, Wire yes, Wire no) {
  return condition.formula->make("where", {condition, yes, no});
}

// At least low and at most high.
Wire within(Wire x, Wire low, Wire high) { return make("min", make("max", x, low), high); }

Wire scale_of(Formula& f, const Resampling& r) {
  if (r.scale) return real(f, static_cast<double>(*r.scale));
  const Wire out = real(f, r.out), in = real(f, r.in);
  return out / in;
}

// An element is as wide as its distance to the next one; its middle is where it is.
Wire half_pixel(Wire i, Wire scale) { return (i + 0.5) / scale + -0.5; }

// Of an axis of one element the other form.
Wire unless_one(const Resampling& r, Wire many, Wire one) {
  if (const auto n = r.out.constant()) return *n > 1 ? many : one;
  Formula& f = *many.formula;
  const Wire out = f.number(DType::kI64, r.out), single = f.number(DType::kI64, Dim(1));
  return where(make("greater", out, single), many, one);
}

Wire half_pixel_symmetric(Formula& f, const Resampling& r, Wire i) {
  const Wire scale = scale_of(f, r), in = real(f, r.in), out = real(f, r.out);
  const Wire share = out / (scale * in);
  const Wire offset = in * 0.5 * (-share + 1.0);
  return offset + (i + 0.5) / scale + -0.5;
}

Wire align_corners(Formula& f, const Resampling& r, Wire i) {
  const Wire far = real(f, r.in - 1), last = real(f, max(r.out - 1, 1));
  return i * far / last;
}

Wire crop_and_resize(Formula& f, const Resampling& r, Wire i) {
  const Wire far = real(f, r.in - 1), last = real(f, max(r.out - 1, 1));
  const Wire begin = *r.start * far, step = (*r.end - *r.start) * far / last;
  const Wire many = begin + i * step, single = (*r.start + *r.end) * 0.5 * far;
  return unless_one(r, many, single);
}

Wire index_of(Wire whole, const Resampling& r) {
  Formula& f = *whole.formula;
  const Wire low = real(f, 0.0), high = real(f, r.in - 1);
  return cast(within(whole, low, high), DType::kI64);
}

// Whether a whole number is an element's.
Wire is_inside(Wire whole, const Resampling& r) {
  Formula& f = *whole.formula;
  const Wire low = real(f, 0.0), end = real(f, r.in);
  const Wire above = make("greater_or_equal", whole, low), below = make("less", whole, end);
  return make("and", above, below);
}

// Keys' kernel at most 1 away, and farther.
Wire near_weight(Wire d, float a) { return (d * (a + 2.0) + -(a + 3.0)) * d * d + 1.0; }
Wire far_weight(Wire d, float a) { return ((d * a + -5.0 * a) * d + 8.0 * a) * d + -4.0 * a; }

// The kernel that the taps of a smoothed axis weigh by, at a distance that is not negative.
Wire kernel_at(Wire distance, bool cubic, float a) {
  Formula& f = *distance.formula;
  const Wire zero = real(f, 0.0), one = real(f, 1.0), two = real(f, 2.0);
  if (!cubic) return make("max", -distance + 1.0, zero);
  const Wire close = near_weight(distance, a), far = far_weight(distance, a);
  const Wire inner = make("less_or_equal", distance, one), all = make("less", distance, two);
  return where(inner, close, where(all, far, zero));
}

Wire share_inside(Wire weights, Wire inside) { return weights * cast(inside, DType::kF32); }

}  // namespace

std::optional<int64_t> Resampling::repeats() const {
  std::optional<int64_t> n;
  // Of a scale that leaves a rest the extents may be multiples all the same; the places are not.
  if (scale && *scale >= 1 && *scale <= 1024 && *scale == std::floor(*scale)) {
    n = static_cast<int64_t>(*scale);
  } else if (!scale && in.constant() && out.constant() && *in.constant() > 0 &&
             *out.constant() % *in.constant() == 0) {
    n = *out.constant() / *in.constant();
  }
  if (!n || *n == 0) return std::nullopt;
  const bool middle = coordinates == "half_pixel" || coordinates == "pytorch_half_pixel" ||
                      coordinates == "half_pixel_symmetric";
  const bool round = nearest == "round_prefer_floor" || nearest == "round_prefer_ceil";
  const bool down = nearest == "floor" || nearest == "simple";
  const bool repeats = (middle && round) || (coordinates == "asymmetric" && down);
  return repeats ? n : std::nullopt;
}

bool Resampling::is_identity() const {
  if (coordinates == "tf_crop_and_resize") return false;
  return scale ? *scale == 1 : in == out;
}

Wire coordinates(Formula& f, const Resampling& r) {
  const Wire i = cast(counted(f, r.out), DType::kF32);
  if (r.coordinates == "align_corners") return align_corners(f, r, i);
  if (r.coordinates == "tf_crop_and_resize") return crop_and_resize(f, r, i);
  if (r.coordinates == "half_pixel_symmetric") return half_pixel_symmetric(f, r, i);
  const Wire scale = scale_of(f, r);
  if (r.coordinates == "asymmetric") return i / scale;
  if (r.coordinates == "tf_half_pixel_for_nn") return (i + 0.5) / scale;
  const Wire middle = half_pixel(i, scale);
  if (r.coordinates != "pytorch_half_pixel") return middle;
  return unless_one(r, middle, f.full(DType::kF32, {r.out}, 0));
}

Wire are_outside(Wire coordinates, const Resampling& r) {
  Formula& f = *coordinates.formula;
  const Wire low = real(f, 0.0), high = real(f, r.in - 1);
  const Wire below = make("less", coordinates, low), above = make("greater", coordinates, high);
  return make("or", below, above);
}

Vec<Tap> nearest_taps(Wire coordinates, const Resampling& r) {
  Formula& f = *coordinates.formula;
  const bool up = r.nearest == "ceil" || (r.nearest == "simple" && r.scale && *r.scale < 1);
  if (up) return {{index_of(make("ceil", coordinates), r), f.none()}};
  const Wire whole = make("floor", coordinates);
  if (r.nearest == "floor" || r.nearest == "simple") return {{index_of(whole, r), f.none()}};
  // Adding a half before rounding down would round twice.
  const Wire rest = coordinates - whole, half = real(f, 0.5);
  const bool prefers_ceil = r.nearest == "round_prefer_ceil";
  const Wire next = make(prefers_ceil ? "greater_or_equal" : "greater", rest, half);
  return {{index_of(whole + cast(next, DType::kF32), r), f.none()}};
}

Vec<Tap> linear_taps(Wire coordinates, const Resampling& r) {
  Formula& f = *coordinates.formula;
  const Wire low = real(f, 0.0), high = real(f, r.in - 1);
  const Wire x = within(coordinates, low, high);
  const Wire whole = make("floor", x);
  const Wire rest = x - whole;
  return {{index_of(whole, r), -rest + 1.0}, {index_of(whole + 1.0, r), rest}};
}

Vec<Tap> cubic_taps(Wire coordinates, const Resampling& r, float a, bool inside) {
  const Wire whole = make("floor", coordinates);
  const Wire rest = coordinates - whole;
  const Wire left = -rest + 1.0;
  Vec<Wire> places = {whole + -1.0, whole, whole + 1.0, whole + 2.0};
  Vec<Wire> weights = {far_weight(rest + 1.0, a), near_weight(rest, a), near_weight(left, a),
                       far_weight(left + 1.0, a)};
  if (inside) {
    for (size_t i = 0; i < places.size(); ++i) {
      weights[i] = share_inside(weights[i], is_inside(places[i], r));
    }
    const Wire all = weights[0] + weights[1] + weights[2] + weights[3];
    for (Wire& w : weights) w = w / all;
  }
  Vec<Tap> taps;
  for (size_t i = 0; i < places.size(); ++i) taps.push_back({index_of(places[i], r), weights[i]});
  return taps;
}

SmoothTaps smooth_taps(Wire coordinates, const Resampling& r, bool cubic, float a, bool inside) {
  Formula& f = *coordinates.formula;
  // Elements on either side that the kernel reaches, where the axis shrinks; else as far as it is wide.
  const Dim reach = ceil_div(r.in * (cubic ? 2 : 1), max(r.out, 1)) + 2;
  const Wire counts = cast(counted(f, r.in + reach * 2), DType::kF32);
  const Wire places = counts - real(f, reach);
  const Wire factor = scale_of(f, r), one = real(f, 1.0);
  const Wire scale = make("min", factor, one);
  const Wire distance = (places - reshape(coordinates, {r.out, 1})) * scale;
  Wire weights = kernel_at(make("abs", distance), cubic, a);
  if (inside) weights = share_inside(weights, is_inside(places, r));
  return {index_of(places, r), weights / sum(weights, {1})};
}

Wire along_axis(Wire v, const Resampling& r, int rank) {
  Vec<Dim> shape(static_cast<size_t>(rank - r.axis), 1);
  shape[0] = r.out;
  return reshape(v, shape);
}

Wire chosen(Wire x, const Resampling& r, Wire index) {
  return x.formula->make(attrs(ops::Gather{.axis = r.axis}), {x, index});
}

Wire resampled(Wire x, const Resampling& r, const Vec<Tap>& taps) {
  Wire all = x.formula->none();
  for (const Tap& tap : taps) {
    const Wire elements = chosen(x, r, tap.index);
    if (!tap.weight.valid()) return elements;
    all = added(all, elements * along_axis(cast(tap.weight, x.dtype()), r, x.rank()));
  }
  return all;
}

}  // namespace rlx
