#include "op/shared/window.h"

#include <algorithm>

namespace rlx {
namespace {

struct Fault {
  int code;
  std::string message;
  std::string hint = {};
};

// A window, or what is wrong with the attributes: both infer and lower ask.
using Outcome = std::variant<Window, Fault>;

int64_t at_or(const Vec<int64_t>& values, size_t i, int64_t otherwise) {
  return values.empty() ? otherwise : values[i];
}

Dim out_extent(const WindowAxis& w, bool ceil_mode) {
  const Dim room = w.in + w.pad_lo + w.pad_hi - w.reach();
  if (!ceil_mode) return floor_div(room, w.stride) + 1;
  // A last window that would start in the high padding is left out.
  return min(ceil_div(room, w.stride) + 1, floor_div(w.in + w.pad_lo - 1, w.stride) + 1);
}

// Padding such that the output has in / stride elements, rounded up.
void pad_to_same(WindowAxis& w, bool upper, const RangeOf& range) {
  w.out = simplify(ceil_div(w.in, w.stride), range);
  const Dim missing = max((w.out - 1) * w.stride + w.reach() - w.in, 0);
  const Dim total = simplify(missing, range);
  w.pad_lo = upper ? floor_div(total, 2) : ceil_div(total, 2);
  w.pad_hi = upper ? ceil_div(total, 2) : floor_div(total, 2);
}

bool stays_inside(const WindowAxis& w, bool ceil_mode) {
  const std::optional<int64_t> lo = w.pad_lo.constant(), hi = w.pad_hi.constant();
  if (!lo || !hi || *lo > 0) return false;
  const std::optional<int64_t> past = (w.in - w.position(w.out - 1, w.kernel - 1)).constant();
  return past ? *past > 0 : *hi <= 0 && !ceil_mode;
}

std::optional<Fault> check(const WindowAttributes& a, size_t rank) {
  // No image is larger, and products of two stay in 64 bits.
  constexpr int64_t kMost = int64_t{1} << 24;
  auto fits = [&](const Vec<int64_t>& values, size_t n, int64_t least) {
    if (!values.empty() && values.size() != n) return false;
    return std::all_of(values.begin(), values.end(),
                       [&](int64_t v) { return v >= least && v <= kMost; });
  };
  if (a.kernel_shape.size() != rank || !fits(a.kernel_shape, rank, 1)) {
    return Fault{kBadAttribute, "kernel_shape does not fit the spatial axes"};
  }
  if (!fits(a.strides, rank, 1)) return Fault{kBadAttribute, "strides do not fit the spatial axes"};
  if (!fits(a.dilations, rank, 1)) {
    return Fault{kBadAttribute, "dilations do not fit the spatial axes"};
  }
  if (!fits(a.pads, 2 * rank, -kMost)) {
    return Fault{kBadAttribute, "pads do not fit the spatial axes", "each is below 2^24"};
  }
  return std::nullopt;
}

Outcome window_over(const WindowAttributes& a, const Vec<Dim>& spatial, const RangeOf& range) {
  const size_t rank = spatial.size();
  if (std::optional<Fault> fault = check(a, rank)) return *fault;
  const bool same = a.auto_pad == "SAME_UPPER" || a.auto_pad == "SAME_LOWER";
  const bool explicit_pads = a.auto_pad == "NOTSET" || a.auto_pad.empty();
  if (!same && !explicit_pads && a.auto_pad != "VALID") {
    return Fault{kBadAttribute, "auto_pad is " + a.auto_pad};
  }
  Window window;
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis w{.kernel = a.kernel_shape[i],
                 .stride = at_or(a.strides, i, 1),
                 .dilation = at_or(a.dilations, i, 1),
                 .in = spatial[i]};
    if (explicit_pads) {
      w.pad_lo = at_or(a.pads, i, 0);
      w.pad_hi = at_or(a.pads, i + rank, 0);
    }
    if (!same) w.out = simplify(max(out_extent(w, a.ceil_mode), 0), range);
    if (same) pad_to_same(w, a.auto_pad == "SAME_UPPER", range);
    w.inside = stays_inside(w, a.ceil_mode);
    window.axes.push_back(std::move(w));
  }
  return window;
}

Vec<Dim> spatial_of(const Type& t) { return {t.shape.begin() + 2, t.shape.end()}; }

}  // namespace

Dim WindowAxis::met(const Dim& o, const Dim& lo, const Dim& hi) const {
  const Dim first = position(o, 0);
  const Dim from = max(ceil_div(Dim(0) - lo - first, dilation), 0);
  const Dim to = min(ceil_div(in + hi - first, dilation), kernel);
  return to - from;
}

Vec<Dim> Window::kernel() const {
  Vec<Dim> result;
  for (const WindowAxis& w : axes) result.emplace_back(w.kernel);
  return result;
}

Vec<Dim> Window::out() const {
  Vec<Dim> result;
  for (const WindowAxis& w : axes) result.push_back(w.out);
  return result;
}

Vec<Dim> Window::position(const Vec<Dim>& o, const Vec<Dim>& k) const {
  Vec<Dim> result;
  for (size_t i = 0; i < axes.size(); ++i) result.push_back(axes[i].position(o[i], k[i]));
  return result;
}

Vec<Bounds> Window::bounds(const Scalar& fill) const {
  Vec<Bounds> result;
  for (const WindowAxis& w : axes) {
    result.push_back(w.inside ? Bounds{} : Bounds{Bounds::Rule::kFill, fill});
  }
  return result;
}

Result<Window> window_of(const InferCtx& c, const WindowAttributes& a) {
  if (c.in(0).rank() < 3) return c.error(kBadInput, "the input has no spatial axes");
  Outcome outcome = window_over(a, spatial_of(c.in(0)), c.graph().symbol_ranges());
  if (Fault* fault = std::get_if<Fault>(&outcome)) {
    return c.error(fault->code, fault->message, fault->hint);
  }
  return std::get<Window>(std::move(outcome));
}

Window window_of(const KernelBuilder& b, const WindowAttributes& a) {
  Outcome outcome = window_over(a, spatial_of(b.in(0)), b.graph().symbol_ranges());
  RLX_CHECK(std::holds_alternative<Window>(outcome));
  return std::get<Window>(std::move(outcome));
}

}  // namespace rlx
