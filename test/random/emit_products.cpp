// Contractions: what the backend tiles.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "test/random/generate.h"

namespace rlx::random {
namespace {

using Attributes = Vec<std::pair<std::string, Setting>>;

// Multiplications that a test has time for.
constexpr int64_t kMostSteps = 1'500'000;

bool is_product_type(DType t) {
  return is_float(t) || t == DType::kI32 || t == DType::kI64 || t == DType::kU32 ||
         t == DType::kU64;
}

// The result of summing k products of elements of a and b.
Generator::Result product_of(Generator& g, int a, int b, Vec<Dim> shape, const Dim& k) {
  const Value &x = g.at(a), &y = g.at(b);
  double n = static_cast<double>(std::max<int64_t>(1, g.number(k)));
  Generator::Result r{x.dtype, std::move(shape)};
  double each = x.big * y.big;
  bool whole = x.whole && y.whole;
  // Whole numbers are bounded for certain, others nearly always.
  r.big = whole ? n * each : each * std::min(n, 3 * std::sqrt(n));
  r.error = n * (x.big * y.error + y.big * x.error) + Generator::unit(x.dtype) * n * each;
  r.exact = r.whole = whole;
  if (!whole && is_float(x.dtype)) {
    r.error = std::sqrt(n) * (x.big * y.error + y.big * x.error) +
              4 * Generator::unit(x.dtype) * n * each;
  }
  return r;
}

bool has_time(Generator& g, const Vec<Dim>& shape, const Dim& k) {
  return g.elements(shape) * std::max<int64_t>(1, g.number(k)) <= kMostSteps;
}

// What the other operand's elements may reach for the result to stay moderate.
double other_big(Generator& g, int v, const Dim& k) {
  if (!is_float(g.at(v).dtype)) return 1.5;
  double n = std::sqrt(static_cast<double>(std::max<int64_t>(1, g.number(k))));
  return std::min(2.0, 4.0 / (n * std::max(1.0, g.at(v).big / 4)));
}

Made matmul_of(Generator& g, int a, int b, const Vec<Dim>& shape, const Dim& k) {
  if (!has_time(g, shape, k)) return std::nullopt;
  return g.node("MatMul", {a, b}, product_of(g, a, b, shape, k));
}

Vec<Dim> leading(Generator& g, int v, size_t kept) {
  const Vec<Dim>& s = g.at(v).shape;
  return {s.begin(), s.end() - static_cast<int64_t>(kept)};
}

// v as the left operand.
Made matmul(Generator& g, int v) {
  if (!is_product_type(g.at(v).dtype) || g.rank(v) == 0) return std::nullopt;
  const Vec<Dim> s = g.at(v).shape;
  const Dim k = s.back();
  Vec<Dim> other, shape = leading(g, v, 1);
  if (g.rank(v) > 2 && g.random.percent(40)) other = leading(g, v, 2);
  // An operand with batches of its own in front.
  if (g.rank(v) == 2 && g.random.percent(15)) {
    other = {g.extent()}, shape.insert(shape.begin(), other[0]);
  }
  other.push_back(k);
  bool vector = other.size() == 1 && g.random.percent(8);
  if (!vector) {
    other.push_back(g.random.percent(12) ? Dim(1) : g.extent());
    shape.push_back(other.back());
  }
  if (g.elements(other) > 20'000) return std::nullopt;
  return matmul_of(g, v, g.operand(g.at(v).dtype, other, other_big(g, v, k)), shape, k);
}

// By weights of few bits: with scales for blocks of the depth or for columns, and now and then zero points.
Made matmul_weights(Generator& g, int v) {
  if (g.at(v).dtype != DType::kF32 || g.rank(v) < 2) return std::nullopt;
  const Dim k = g.at(v).shape.back(), n = g.extent();
  if (!g.closed({k, n}) || g.elements({k, n}) > 20'000) return std::nullopt;
  constexpr std::array kTypes{std::pair(DType::kU4, 15), std::pair(DType::kI4, 7),
                              std::pair(DType::kI8, 100)};
  const auto [type, greatest] = kTypes[g.random.below(kTypes.size())];
  Fill fill{.kind = Fill::Kind::kWhole, .hi = static_cast<double>(greatest)};
  fill.lo = is_signed(type) ? -fill.hi : 0;
  const int64_t block = g.random.percent(60) ? g.random.between(2, 5) : 0;
  const Vec<Dim> scales = block == 0 ? Vec<Dim>{n} : Vec<Dim>{ceil_div(k, block), n};
  const double big = other_big(g, v, k);
  Vec<int> inputs = {g.constant(type, {k, n}, fill)};
  inputs.push_back(g.fresh(DType::kF32, scales, big / (2 * greatest)));
  if (g.random.percent(50)) inputs.push_back(g.constant(type, scales, fill));
  Generator::Result r{DType::kF32, {k, n}, big};
  r.exact = true;
  const Made weights = g.node("DequantizeLinear", std::move(inputs), r,
                              {{"axis", int64_t{block == 0 ? 1 : 0}}, {"block_size", block}});
  Vec<Dim> shape = leading(g, v, 1);
  shape.push_back(n);
  return weights ? matmul_of(g, v, *weights, shape, k) : std::nullopt;
}

// v as the right operand.
Made matmul_right(Generator& g, int v) {
  if (!is_product_type(g.at(v).dtype) || g.rank(v) < 2) return std::nullopt;
  const Vec<Dim> s = g.at(v).shape;
  const Dim k = s[s.size() - 2];
  Vec<Dim> other = leading(g, v, 2), shape = other;
  if (g.random.percent(20)) other.clear();
  bool vector = other.empty() && g.random.percent(10);
  if (!vector) {
    other.push_back(g.random.percent(10) ? Dim(1) : g.extent());
    shape.push_back(other.back());
  }
  other.push_back(k);
  shape.push_back(s.back());
  if (g.elements(other) > 20'000) return std::nullopt;
  return matmul_of(g, g.operand(g.at(v).dtype, other, other_big(g, v, k)), v, shape, k);
}

// v by a transposed or sliced relative: attention's scores.
Made matmul_self(Generator& g, int v) {
  if (!is_product_type(g.at(v).dtype) || g.rank(v) < 2) return std::nullopt;
  Vec<Dim> s = g.at(v).shape;
  int left = v;
  if (g.random.percent(40)) {
    int found = g.find(g.at(v).dtype, s, v);
    if (found >= 0) left = found;
  }
  Vec<int64_t> perm;
  for (int i = 0; i < g.rank(v); ++i) perm.push_back(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  Vec<Dim> turned = s;
  std::swap(turned[s.size() - 1], turned[s.size() - 2]);
  Made t = g.view("Transpose", v, {}, turned, {{"perm", perm}});
  if (!t) return t;
  bool first = g.random.percent(50);
  Vec<Dim> shape = s;
  Dim k = first ? s[s.size() - 2] : s.back();
  shape[s.size() - 1] = shape[s.size() - 2] = first ? s.back() : s[s.size() - 2];
  return first ? matmul_of(g, *t, left, shape, k) : matmul_of(g, left, *t, shape, k);
}

Made gemm(Generator& g, int v) {
  if (!is_product_type(g.at(v).dtype) || g.rank(v) != 2) return std::nullopt;
  const DType t = g.at(v).dtype;
  bool ta = g.random.percent(40), tb = g.random.percent(50), right = g.random.percent(30);
  const Vec<Dim> s = g.at(v).shape;
  Dim other = g.random.percent(12) ? Dim(1) : g.extent();
  bool turned = right ? tb : ta;
  Dim k = (right != turned) ? s[0] : s[1];
  Dim kept = (right != turned) ? s[1] : s[0];
  bool other_turned = right ? ta : tb;
  // The left operand has k last, the right one first, unless turned.
  bool k_first = right == other_turned;
  Vec<Dim> shape_of_other = k_first ? Vec<Dim>{k, other} : Vec<Dim>{other, k};
  int o = g.operand(t, shape_of_other, other_big(g, v, k));
  int a = right ? o : v, b = right ? v : o;
  Vec<Dim> shape = right ? Vec<Dim>{other, kept} : Vec<Dim>{kept, other};
  if (!has_time(g, shape, k)) return std::nullopt;
  Generator::Result r = product_of(g, a, b, shape, k);
  Vec<int> inputs = {a, b};
  Attributes attributes = {{"transA", int64_t{ta}}, {"transB", int64_t{tb}}};
  if (is_float(t) && g.random.percent(25)) {
    attributes.emplace_back("alpha", 0.5F);
    r.big /= 2, r.whole = r.exact = false, r.error += Generator::unit(t) * r.big;
  }
  if (g.random.percent(60)) {
    Vec<Dim> c;
    switch (g.random.below(5)) {
      case 0: c = {shape[1]}; break;
      case 1: c = {shape[0], 1}; break;
      case 2: c = {1, shape[1]}; break;
      case 3: break;
      default: c = shape;
    }
    inputs.push_back(g.operand(t, c, 2));
    const Value& added = g.at(inputs[2]);
    float beta = is_float(t) && g.random.percent(25) ? 0.25F : 1.0F;
    if (beta != 1.0F) attributes.emplace_back("beta", beta);
    r.big += added.big, r.error += added.error + Generator::unit(t) * r.big * 2;
    r.whole = r.exact = r.whole && added.whole && beta == 1.0F;
  }
  return g.node("Gemm", inputs, r, attributes);
}

// ---- Convolutions -----------------------------------------------------------------------------

struct Windows {
  Vec<int64_t> kernel, strides, dilations, pads;
  Vec<Dim> out;
};

}  // namespace

// Windows over the last axes of v that lie inside of what is padded.
static std::optional<Windows> windows_of(Generator& g, int v, bool pool) {
  Windows w;
  auto spatial = static_cast<size_t>(g.rank(v) - 2);
  Vec<int64_t> high;
  for (size_t i = 0; i < spatial; ++i) {
    const Dim& d = g.at(v).shape[i + 2];
    int64_t k = g.random.pick<int64_t>({1, 1, 2, 3, 3, 3, 5});
    int64_t dilation = g.random.percent(20) ? 2 : 1;
    const int64_t stride = g.random.percent(30) ? 2 : 1;
    int64_t reach = dilation * (k - 1) + 1;
    // A pool's window has an element of the input, which pads and dilations together may miss.
    int64_t most = pool ? (k > 1 && dilation == 1 ? 1 : 0) : 2;
    int64_t lo = g.random.percent(50) ? std::min(most, k / 2) : g.random.between(0, most);
    int64_t hi = g.random.percent(60) ? lo : g.random.between(0, most);
    if (!g.need(d + lo + hi - reach, 0) || (pool && !g.need(d, 1))) return std::nullopt;
    w.kernel.push_back(k), w.strides.push_back(stride), w.dilations.push_back(dilation);
    w.pads.push_back(lo), high.push_back(hi);
    w.out.push_back(floor_div(d + lo + hi - reach, stride) + 1);
  }
  w.pads.insert(w.pads.end(), high.begin(), high.end());
  return w;
}

static Attributes attributes_of(Generator& g, const Windows& w) {
  Attributes a = {{"kernel_shape", w.kernel}};
  auto plain = [](const Vec<int64_t>& all, int64_t value) {
    return std::all_of(all.begin(), all.end(), [&](int64_t x) { return x == value; });
  };
  if (!plain(w.strides, 1) || g.random.percent(50)) a.emplace_back("strides", w.strides);
  if (!plain(w.dilations, 1) || g.random.percent(30)) a.emplace_back("dilations", w.dilations);
  if (!plain(w.pads, 0) || g.random.percent(30)) a.emplace_back("pads", w.pads);
  return a;
}

// Shared with the pools of emit_rows.cpp.
std::optional<std::pair<Vec<Dim>, Attributes>> pool_windows(Generator& g, int v) {
  auto w = windows_of(g, v, true);
  if (!w) return std::nullopt;
  Vec<Dim> shape = {g.at(v).shape[0], g.at(v).shape[1]};
  shape.insert(shape.end(), w->out.begin(), w->out.end());
  return std::pair(shape, attributes_of(g, *w));
}

namespace {

// Batch and channels in front of v, which then has rank 3 or 4.
Made as_image(Generator& g, int v) {
  if (g.rank(v) >= 3 && g.rank(v) <= 4) return v;
  if (g.rank(v) == 5) return g.random.percent(30) ? Made(v) : std::nullopt;
  if (g.rank(v) != 2) return std::nullopt;
  Vec<Dim> shape = g.at(v).shape;
  shape.insert(shape.begin(), 1);
  return g.view("Unsqueeze", v, {g.integers({0})}, shape);
}

Made conv(Generator& g, int v) {
  if (!is_float(g.at(v).dtype)) return std::nullopt;
  Made image = as_image(g, v);
  if (!image) return image;
  v = *image;
  const Vec<Dim> s = g.at(v).shape;
  const Dim channels = s[1];
  if (g.m.is_open(channels) || !g.need(channels, 1)) return std::nullopt;
  auto w = windows_of(g, v, false);
  if (!w) return std::nullopt;
  Dim out = g.random.percent(12) ? Dim(1) : g.extent(), per_group = channels, group = 1;
  if (g.m.is_open(out) || !g.need(out, 1)) return std::nullopt;
  if (g.random.percent(30)) {
    group = channels, per_group = 1;
    out = g.random.percent(60) ? channels : channels * 2;
  } else if (auto half = exact_div(channels, 2); half && g.random.percent(60)) {
    // Whole vectors of channels are tiled, others are not.
    if (g.random.percent(50)) out = 16 * (1 + static_cast<int64_t>(g.random.below(3)));
    group = 2, per_group = *half, out = out * 2;
  }
  Vec<Dim> weights = {out, per_group};
  Dim k = per_group;
  for (int64_t n : w->kernel) weights.emplace_back(n), k = k * n;
  Vec<Dim> shape = {s[0], out};
  shape.insert(shape.end(), w->out.begin(), w->out.end());
  if (!has_time(g, shape, k) || g.elements(weights) > 20'000) return std::nullopt;
  DType t = g.at(v).dtype;
  Fill fill{.kind = Fill::Kind::kReal};
  fill.hi = other_big(g, v, k), fill.lo = -fill.hi;
  int weight = g.random.percent(75) ? g.constant(t, weights, fill) : g.operand(t, weights, fill.hi);
  Generator::Result r = product_of(g, v, weight, shape, k);
  Vec<int> inputs = {v, weight};
  if (g.random.percent(60)) {
    inputs.push_back(g.fresh(t, {out}, 1));
    r.big += 1, r.error += Generator::unit(t) * r.big;
    r.whole = r.exact = r.whole && g.at(inputs[2]).whole;
  }
  Attributes attributes = attributes_of(g, *w);
  if (!group.is(1)) attributes.emplace_back("group", group);
  return g.node("Conv", inputs, r, attributes);
}

// One axis of a transposed convolution.
struct Spread {
  int64_t kernel, stride, dilation, padding, lo, hi;
  Dim out;
};

std::optional<Spread> spread_of(Generator& g, const Dim& in) {
  Spread s{.kernel = g.random.pick<int64_t>({1, 2, 2, 3, 3, 4, 5}),
           .stride = g.random.pick<int64_t>({1, 2, 2, 2, 3}),
           .dilation = g.random.percent(20) ? g.random.between(2, 3) : 1};
  const int64_t reach = s.dilation * (s.kernel - 1) + 1;
  s.padding = g.random.percent(30) ? g.random.between(0, s.stride - 1) : 0;
  s.lo = g.random.percent(50) ? g.random.between(0, reach - 1) : 0;
  s.hi = g.random.percent(60) ? s.lo : g.random.between(0, reach - 1);
  s.out = (in - 1) * s.stride + reach + s.padding - s.lo - s.hi;
  if (!g.need(in, 1) || !g.need(s.out, 1)) return std::nullopt;
  return s;
}

Made conv_transpose(Generator& g, int v) {
  if (!is_float(g.at(v).dtype)) return std::nullopt;
  const Made image = as_image(g, v);
  if (!image) return image;
  v = *image;
  const Vec<Dim> x = g.at(v).shape;
  const std::optional<int64_t> channels = x[1].constant();
  if (!channels || *channels < 1) return std::nullopt;
  int64_t group = 1;
  if (g.random.percent(40)) group = *channels % 2 == 0 && g.random.percent(50) ? 2 : *channels;
  const int64_t out = g.random.percent(30) ? 16 : g.random.between(1, 5);
  Vec<Dim> weights{*channels, out}, shape{x[0], out * group};
  Dim k = *channels / group;
  Vec<int64_t> strides, dilations, padding, lo, hi;
  for (size_t i = 2; i < x.size(); ++i) {
    const std::optional<Spread> s = spread_of(g, x[i]);
    if (!s) return std::nullopt;
    weights.emplace_back(s->kernel), shape.push_back(s->out), k = k * s->kernel;
    strides.push_back(s->stride), dilations.push_back(s->dilation), padding.push_back(s->padding);
    lo.push_back(s->lo), hi.push_back(s->hi);
  }
  if (!has_time(g, shape, k) || g.elements(weights) > 20'000) return std::nullopt;
  const DType t = g.at(v).dtype;
  Fill fill{.kind = Fill::Kind::kReal};
  fill.hi = other_big(g, v, k), fill.lo = -fill.hi;
  const int weight =
      g.random.percent(75) ? g.constant(t, weights, fill) : g.operand(t, weights, fill.hi);
  Generator::Result r = product_of(g, v, weight, shape, k);
  Vec<int> inputs = {v, weight};
  if (g.random.percent(40)) {
    inputs.push_back(g.fresh(t, {shape[1]}, 1));
    r.big += 1, r.error += Generator::unit(t) * r.big;
    r.whole = r.exact = r.whole && g.at(inputs[2]).whole;
  }
  lo.insert(lo.end(), hi.begin(), hi.end());
  return g.node("ConvTranspose", inputs, r,
                {{"strides", strides},
                 {"dilations", dilations},
                 {"output_padding", padding},
                 {"pads", lo},
                 {"group", group}});
}

}  // namespace

Made attention_over(Generator& g, int keys, int values) {
  const Vec<Dim> rows = g.at(keys).shape;
  const size_t rank = rows.size();
  const Dim depth = rows[rank - 1], count = rows[rank - 2], queries = g.extent();
  Vec<Dim> of_queries = rows, of_scores = rows, turned = rows;
  of_queries[rank - 2] = of_scores[rank - 2] = queries;
  of_scores[rank - 1] = count;
  std::swap(turned[rank - 1], turned[rank - 2]);
  Vec<int64_t> perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[rank - 1], perm[rank - 2]);
  const int q = g.fresh(g.at(keys).dtype, of_queries, other_big(g, keys, depth));
  const Made k = g.view("Transpose", keys, {}, turned, {{"perm", perm}});
  Made scores = k ? matmul_of(g, q, *k, of_scores, depth) : k;
  if (scores) scores = g.bounded(*scores, 8);
  if (!scores) return scores;
  const Value s = g.at(*scores);
  const double unit = Generator::unit(s.dtype);
  const Made weights = g.node("Softmax", {*scores}, {s.dtype, s.shape, 1, 2 * s.error + 4 * unit});
  return weights ? matmul_of(g, *weights, values, of_queries, count) : weights;
}

Made same_conv(Generator& g, int v) {
  const Value x = g.at(v);
  if (x.shape.size() < 3 || !is_float(x.dtype) || g.m.is_open(x.shape[1])) return std::nullopt;
  Vec<Dim> weights = {x.shape[1], x.shape[1]};
  Dim k = x.shape[1];
  Vec<int64_t> pads;
  const int64_t halo = g.random.pick<int64_t>({1, 1, 2});
  for (size_t i = 2; i < x.shape.size(); ++i) {
    weights.emplace_back(2 * halo + 1), k = k * (2 * halo + 1);
    pads.insert(pads.end(), {halo, halo});
  }
  if (!has_time(g, x.shape, k) || g.elements(weights) > 20'000) return std::nullopt;
  Fill fill{.kind = Fill::Kind::kReal};
  fill.hi = other_big(g, v, k), fill.lo = -fill.hi;
  int weight = g.constant(x.dtype, weights, fill);
  return g.node("Conv", {v, weight}, product_of(g, v, weight, x.shape, k), {{"pads", pads}});
}

Vec<Emitter> product_emitters() {
  return {
      {"matmul", "matmul", Family::kProduct, matmul},
      {"matmul", "matmul", Family::kProduct, matmul_right},
      {"matmul", "matmul", Family::kProduct, matmul_self},
      {"dequantize_linear", "matmul", Family::kProduct, matmul_weights},
      {"gemm", "gemm", Family::kProduct, gemm},
      {"gemm", "gemm", Family::kProduct, gemm},
      {"conv", "conv", Family::kProduct, conv},
      {"conv", "conv", Family::kProduct, conv},
      {"conv_transpose", "conv", Family::kProduct, conv_transpose},
  };
}

}  // namespace rlx::random
