#include "op/shared/sampling.h"

#include <array>

namespace rlx {
namespace {

Ex least(Ex a, Ex b) { return apply(Fn::kMin, a, b); }
Ex greatest(Ex a, Ex b) { return apply(Fn::kMax, a, b); }

// Keys' kernel at most 1 away, and farther.
constexpr double kKeys = -0.75;
Ex near_weight(Ex d) {
  const Ex slope = d * (kKeys + 2) - (kKeys + 3);
  return slope * d * d + 1;
}
Ex far_weight(Ex d) {
  const Ex slope = d * kKeys - 5 * kKeys;
  const Ex curve = slope * d + 8 * kKeys;
  return curve * d - 4 * kKeys;
}

Ex is_even(Ex whole) {
  const Ex half = whole * 0.5;
  return apply(Fn::kEq, apply(Fn::kTrunc, half), half);
}

}  // namespace

Ex SampledAxis::place_of(Ex normal) const {
  if (at_middles) {
    const Ex last = extent - 1;
    return (normal + 1) / 2 * last;
  }
  return ((normal + 1) * extent - 1) / 2;
}

// As often as it takes.
Ex SampledAxis::reflected(Ex place) const {
  const double before = at_middles ? 0 : -0.5;
  const Ex low = constant_like(place, before);
  const Ex high = extent - (at_middles ? 1 : 0.5);
  const Ex below = apply(Fn::kLt, place, low), above = apply(Fn::kGt, place, high);
  // An axis of one element has no width between middles; any will do.
  const Ex width = greatest(high - low, constant_like(place, 1));
  const Ex under = low - place, over = place - high;
  const Ex far = select(below, under, over);
  const Ex times = apply(Fn::kTrunc, far / width);
  const Ex rest = far - times * width;
  const Ex from_low = apply(Fn::kEq, below, is_even(times));
  const Ex up = rest + before;
  const Ex down = high - rest;
  const Ex inside = select(from_low, up, down);
  return select(apply(Fn::kOr, below, above), inside, place);
}

Ex SampledAxis::moved_inside(Ex place) const {
  switch (beyond) {
    case Beyond::kZeros: return place;
    case Beyond::kBorder: {
      const Ex last = extent - 1;
      return least(greatest(place, constant_like(place, 0)), last);
    }
    case Beyond::kReflection: return reflected(place);
  }
  return place;
}

// Farther than a few elements outside nothing differs; so much fits an integer.
Ex SampledAxis::index_of(Ex whole) const {
  if (beyond == Beyond::kReflection) {
    const Ex turned = reflected(whole), last = extent - 1;
    return cast(least(greatest(turned, constant_like(whole, 0)), last), DType::kI64);
  }
  const Ex low = constant_like(whole, -4), high = extent + 4;
  return cast(least(greatest(whole, low), high), DType::kI64);
}

Vec<Sample> SampledAxis::nearest(Ex place) const {
  return {{index_of(moved_inside(apply(Fn::kRoundEven, place)))}};
}

Vec<Sample> SampledAxis::linear(Ex place) const {
  const Ex x = moved_inside(place);
  const Ex whole = apply(Fn::kFloor, x);
  const Ex rest = x - whole;
  const Ex left = 1 - rest;
  const Ex first = index_of(whole), second = index_of(whole + 1);
  return {{first, left}, {second, rest}};
}

Vec<Sample> SampledAxis::cubic(Ex place) const {
  // Elements are moved to the border, not the place: so do PyTorch and onnxruntime.
  const Ex x = beyond == Beyond::kBorder ? place : moved_inside(place);
  const Ex whole = apply(Fn::kFloor, x);
  const Ex rest = x - whole;
  const Ex left = 1 - rest;
  const Ex far_left = far_weight(rest + 1), near_left = near_weight(rest);
  const Ex near_right = near_weight(left), far_right = far_weight(left + 1);
  const std::array weights = {far_left, near_left, near_right, far_right};
  Vec<Sample> taps;
  for (size_t i = 0; i < weights.size(); ++i) {
    taps.push_back({index_of(whole + (static_cast<double>(i) - 1)), weights[i]});
  }
  return taps;
}

Ex sampled(KernelBuilder& b, StageBuilder& s, int input, const Vec<AxisIndex>& index,
           const Vec<Vec<Sample>>& taps, const Bounds& bounds) {
  const size_t first = static_cast<size_t>(b.in(input).rank()) - taps.size();
  if (taps.size() + first == index.size()) {
    Vec<Bounds> all;
    for (size_t i = 0; i < index.size(); ++i) {
      const Bounds given{index[i].expr ? Bounds::Rule::kChecked : Bounds::Rule::kProven};
      all.push_back(i < first ? given : bounds);
    }
    return s.gather(b.input(input), index, std::move(all));
  }
  std::optional<Ex> total;
  for (const Sample& tap : taps[index.size() - first]) {
    Vec<AxisIndex> next = index;
    next.push_back({.expr = tap.index.id});
    Ex x = sampled(b, s, input, next, taps, bounds);
    if (tap.weight) x = x * *tap.weight;
    total = total ? *total + x : x;
  }
  return *total;
}

}  // namespace rlx
