#include "op/shared/window.h"

#include <algorithm>
#include <numeric>

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

std::optional<Fault> check_auto_pad(const std::string& auto_pad) {
  for (const std::string_view known : {"", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}) {
    if (auto_pad == known) return std::nullopt;
  }
  return Fault{kBadAttribute, "auto_pad is " + auto_pad};
}

Outcome window_over(const WindowAttributes& a, const Vec<Dim>& spatial, const RangeOf& range) {
  const size_t rank = spatial.size();
  if (std::optional<Fault> fault = check(a, rank)) return *fault;
  const bool same = a.auto_pad == "SAME_UPPER" || a.auto_pad == "SAME_LOWER";
  const bool explicit_pads = a.auto_pad == "NOTSET" || a.auto_pad.empty();
  if (std::optional<Fault> fault = check_auto_pad(a.auto_pad)) return *fault;
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

// ---- Transposed -------------------------------------------------------------------------------

using TransposedOutcome = std::variant<Vec<TransposedAxis>, Fault>;

std::optional<Fault> check(const TransposedAttributes& a, size_t rank) {
  if (std::optional<Fault> fault = check(a.window, rank)) return fault;
  if (std::optional<Fault> fault = check_auto_pad(a.window.auto_pad)) return fault;
  constexpr int64_t kMost = int64_t{1} << 24;
  const auto fits = [&](int64_t v) { return v >= 0 && v <= kMost; };
  const bool padded = a.output_padding.empty() || a.output_padding.size() == rank;
  if (!padded || !std::ranges::all_of(a.output_padding, fits)) {
    return Fault{kBadAttribute, "output_padding does not fit the spatial axes"};
  }
  const size_t extents = a.output_shape.size();
  if ((extents != 0 && extents != rank && extents != rank + 2) ||
      !std::ranges::all_of(a.output_shape, fits)) {
    return Fault{kBadAttribute, "output_shape does not fit the spatial axes"};
  }
  return std::nullopt;
}

// What windows reach beyond `out` is cut off at both ends, an odd element at the high one where `upper`.
Dim cut_to(const Dim& whole, const Dim& out, bool upper, const RangeOf& range) {
  const Dim total = simplify(max(whole - out, 0), range);
  return upper ? floor_div(total, 2) : ceil_div(total, 2);
}

TransposedAxis transposed_axis(const TransposedAttributes& all, size_t i, const Dim& in,
                               size_t rank, const RangeOf& range) {
  const WindowAttributes& a = all.window;
  TransposedAxis w{.kernel = a.kernel_shape[i],
                   .stride = at_or(a.strides, i, 1),
                   .dilation = at_or(a.dilations, i, 1),
                   .in = in};
  const Dim whole =
      (in - 1) * w.stride + at_or(all.output_padding, i, 0) + (w.kernel - 1) * w.dilation + 1;
  const bool upper = a.auto_pad == "SAME_UPPER";
  if (!all.output_shape.empty()) {
    w.out = all.output_shape[all.output_shape.size() - rank + i];
    w.pad_lo = cut_to(whole, w.out, upper, range);
  } else if (upper || a.auto_pad == "SAME_LOWER") {
    // onnxruntime adds nothing where windows leave a gap.
    w.out = simplify(min(whole, in * w.stride), range);
    w.pad_lo = cut_to(whole, w.out, upper, range);
  } else if (a.auto_pad == "VALID") {
    w.out = simplify(max(whole, 0), range);
  } else {
    w.pad_lo = at_or(a.pads, i, 0);
    w.out = simplify(max(whole - w.pad_lo - at_or(a.pads, i + rank, 0), 0), range);
  }
  return w;
}

TransposedOutcome transposed_over(const TransposedAttributes& a, const Vec<Dim>& spatial,
                                  const RangeOf& range) {
  if (std::optional<Fault> fault = check(a, spatial.size())) return *fault;
  Vec<TransposedAxis> axes;
  for (size_t i = 0; i < spatial.size(); ++i) {
    axes.push_back(transposed_axis(a, i, spatial[i], spatial.size(), range));
  }
  return axes;
}

// x with x * a = 1 modulo m.
int64_t inverse(int64_t a, int64_t m) {
  for (int64_t x = 1; x < m; ++x) {
    if (x * (a % m) % m == 1) return x;
  }
  return 0;
}

Vec<Dim> spatial_of(const Type& t) { return {t.shape.begin() + 2, t.shape.end()}; }

}  // namespace

Dim WindowAxis::met(const Dim& o, const Dim& lo, const Dim& hi) const {
  const Dim first = position(o, 0);
  const Dim from = max(ceil_div(Dim(0) - lo - first, dilation), 0);
  const Dim to = min(ceil_div(in + hi - first, dilation), kernel);
  return to - from;
}

int64_t TransposedAxis::every() const { return stride / std::gcd(stride, dilation); }

bool TransposedAxis::is_even() const {
  return std::gcd(stride, dilation) == 1 && kernel % every() == 0;
}

// With o + pad_lo = g * u, where g is what stride and dilation share, k0 * (dilation / g) is u modulo `every`.
Dim TransposedAxis::first_element(const Dim& o) const {
  const int64_t shared = std::gcd(stride, dilation);
  return mod(floor_div(o + pad_lo, shared) * inverse(dilation / shared, every()), every());
}

Dim TransposedAxis::element(const Dim& o, const Dim& step) const {
  // Where it is no multiple of what they share, no element meets it.
  const Dim none = mod(o + pad_lo, std::gcd(stride, dilation)) * kernel;
  return first_element(o) + (Dim(taps() - 1) - step) * every() + none;
}

Dim TransposedAxis::position(const Dim& o, const Dim& step) const {
  // The input's elements from one step to the next.
  const int64_t apart = dilation / std::gcd(stride, dilation);
  // Of k0: with apart == 1 the division takes it away.
  const Dim before = apart == 1 ? Dim(0) : first_element(o) * dilation;
  return floor_div(o + pad_lo - before, stride) + (step - (taps() - 1)) * apart;
}

bool TransposedAxis::is_inside(const RangeOf& range) const {
  if (every() != stride || dilation != 1) return false;
  const Dim first = position(0, 0), last = position(out - 1, taps() - 1);
  return proven_nonnegative(first, range) && proven_nonnegative(in - 1 - last, range);
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

Result<Vec<TransposedAxis>> transposed_window_of(const InferCtx& c, const TransposedAttributes& a) {
  if (c.in(0).rank() < 3) return c.error(kBadInput, "the input has no spatial axes");
  TransposedOutcome outcome = transposed_over(a, spatial_of(c.in(0)), c.graph().symbol_ranges());
  if (Fault* fault = std::get_if<Fault>(&outcome)) {
    return c.error(fault->code, fault->message, fault->hint);
  }
  return std::get<Vec<TransposedAxis>>(std::move(outcome));
}

Vec<TransposedAxis> transposed_window_of(const KernelBuilder& b, const TransposedAttributes& a) {
  TransposedOutcome outcome = transposed_over(a, spatial_of(b.in(0)), b.graph().symbol_ranges());
  RLX_CHECK(std::holds_alternative<Vec<TransposedAxis>>(outcome));
  return std::get<Vec<TransposedAxis>>(std::move(outcome));
}

Window window_of(const KernelBuilder& b, const WindowAttributes& a) {
  Outcome outcome = window_over(a, spatial_of(b.in(0)), b.graph().symbol_ranges());
  RLX_CHECK(std::holds_alternative<Window>(outcome));
  return std::get<Window>(std::move(outcome));
}

}  // namespace rlx
