// Operators that move elements: views, and what selects or repeats.
#include <algorithm>
#include <cmath>
#include <functional>

#include "test/random/generate.h"

namespace rlx::random {
namespace {

using Attributes = Vec<std::pair<std::string, Setting>>;

Made transpose(Generator& g, int v) {
  int rank = g.rank(v);
  if (rank == 0) return std::nullopt;
  Vec<int64_t> perm;
  for (int i = 0; i < rank; ++i) perm.push_back(i);
  bool reversed = g.random.percent(20);
  if (reversed) {
    std::reverse(perm.begin(), perm.end());
  } else if (rank >= 2 && g.random.percent(50)) {
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  } else {
    g.random.shuffle(perm);
  }
  Vec<Dim> shape;
  for (int64_t p : perm) shape.push_back(g.at(v).shape[static_cast<size_t>(p)]);
  Attributes attributes;
  if (!reversed) attributes = {{"perm", perm}};
  return g.view("Transpose", v, {}, shape, attributes);
}

// ---- Reshape ----------------------------------------------------------------------------------

// The factors of an extent, in an order that its elements may be counted in.
void add_factors(Generator& g, const Dim& d, Vec<Dim>& out) {
  if (auto value = d.constant()) {
    for (int64_t by : {2, 3}) {
      if (*value > by && *value % by == 0 && g.random.percent(50)) {
        out.emplace_back(by);
        return add_factors(g, *value / by, out);
      }
    }
    out.push_back(d);
    return;
  }
  if (d.terms().size() != 1) return out.push_back(d);
  const Term& t = d.terms().front();
  if (t.coefficient != 1) out.emplace_back(t.coefficient);
  for (const Atom& a : t.factors) out.push_back(Dim::atom(a));
}

// Factors put together anew, ones put in.
Vec<Dim> regrouped(Generator& g, const Vec<Dim>& shape) {
  Vec<Dim> factors, out;
  for (const Dim& d : shape) add_factors(g, d, factors);
  for (const Dim& f : factors) {
    if (f.is(1)) continue;
    bool joins = !out.empty() && g.random.percent(25);
    if (joins) {
      out.back() = out.back() * f;
    } else {
      out.push_back(f);
    }
  }
  if (out.size() < 5 && g.random.percent(25)) {
    out.insert(out.begin() + static_cast<int64_t>(g.random.below(out.size() + 1)), 1);
  }
  return out;
}

// The constant shape, with one extent that follows or with copied ones.
Made wanted_shape(Generator& g, int v, const Vec<Dim>& shape) {
  Vec<Dim> written = shape;
  const Vec<Dim>& in = g.at(v).shape;
  Vec<size_t> open;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (g.m.is_open(shape[i])) open.push_back(i);
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    bool copies = i < in.size() && in[i] == shape[i];
    if (copies && (g.m.is_open(shape[i]) || g.random.percent(20))) {
      written[i] = 0, std::erase(open, i);
    }
  }
  // Beside an extent of 0 nothing follows.
  bool all = std::all_of(shape.begin(), shape.end(), [&](const Dim& d) { return g.number(d) > 0; });
  if (open.size() == 1 && all) {
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i != open[0] && !g.need(shape[i], 1)) return std::nullopt;
    }
    written[open[0]] = -1;
    open.clear();
  }
  if (open.empty() && all && !shape.empty() && g.random.percent(20)) {
    size_t i = g.random.below(shape.size());
    bool other = std::any_of(written.begin(), written.end(), [](const Dim& d) { return d.is(-1); });
    bool needs = !other;
    for (size_t k = 0; needs && k < shape.size(); ++k) needs = k == i || g.need(shape[k], 1);
    if (needs) written[i] = -1;
  }
  if (!open.empty()) {
    // A 0 that is computed copies as one that is written.
    for (size_t i = 0; i < shape.size(); ++i) {
      bool copies = i < in.size() && in[i] == shape[i];
      if (!copies && !g.need(shape[i], 1)) return std::nullopt;
    }
    return g.extents(shape);
  }
  // A literal 0 copies, so an extent of 0 that is meant needs to be computed.
  for (size_t i = 0; i < written.size(); ++i) {
    if (!written[i].constant() && !g.need(written[i], 1)) {
      if (i >= in.size() || !(in[i] == shape[i])) return std::nullopt;
      written[i] = 0;
    }
  }
  return g.extents(written);
}

Made reshape(Generator& g, int v) {
  Vec<Dim> shape = regrouped(g, g.at(v).shape);
  if (shape == g.at(v).shape && g.random.percent(80)) shape.insert(shape.begin(), 1);
  // Where an extent is 0, that is what a 0 means.
  bool empty = g.elements(shape) == 0;
  if (empty && !g.closed(shape)) return std::nullopt;
  Made target = empty ? g.extents(shape) : wanted_shape(g, v, shape);
  if (!target) return target;
  Attributes attributes;
  if (empty) attributes = {{"allowzero", int64_t{1}}};
  return g.view("Reshape", v, {*target}, shape, attributes);
}

Made flatten(Generator& g, int v) {
  int rank = g.rank(v);
  int axis = static_cast<int>(g.random.below(static_cast<size_t>(rank) + 1));
  Dim outer = 1, inner = 1;
  for (int i = 0; i < rank; ++i) {
    Dim& d = i < axis ? outer : inner;
    d = d * g.at(v).shape[static_cast<size_t>(i)];
  }
  return g.view("Flatten", v, {}, {outer, inner}, {{"axis", int64_t{axis}}});
}

// ---- Slice ------------------------------------------------------------------------------------

struct Cut {
  int64_t start, end, step;
};

// How many elements ONNX takes: Python's slices, but that a start before the beginning is the first element
// also where steps go back.
Dim count_of(const Dim& extent, const Cut& c) {
  auto place = [&](int64_t at, const Dim& lo, const Dim& hi) {
    Dim d = at < 0 ? extent + at : Dim(at);
    return min(max(d, lo), hi);
  };
  if (c.step > 0) {
    Dim from = place(c.start, 0, extent), to = place(c.end, 0, extent);
    return max(ceil_div(to - from, c.step), 0);
  }
  Dim from = place(c.start, 0, extent - 1);
  Dim to = c.end < -1'000'000 ? Dim(-1) : place(c.end, -1, extent - 1);
  return max(ceil_div(from - to, -c.step), 0);
}

Cut forward(Generator& g, int64_t extent) {
  constexpr int64_t kEnd = INT64_MAX;
  int64_t some = g.random.between(0, std::max<int64_t>(1, extent / 2));
  switch (g.random.below(5)) {
    case 0: return {0, std::max<int64_t>(1, some), 1};
    case 1: return {some, kEnd, 1};
    case 2: return {0, -1, 1};
    case 3: return {some, kEnd, g.random.between(2, 3)};
    default: return {1, -1, g.random.between(1, 2)};
  }
}

Cut backward(Generator& g, int64_t extent) {
  constexpr int64_t kBegin = INT64_MIN + 1;
  int64_t some = g.random.between(0, std::max<int64_t>(1, extent / 2));
  switch (g.random.below(3)) {
    case 0: return {-1, kBegin, -1};
    case 1: return {-1 - some, kBegin, -g.random.between(1, 2)};
    default: return {extent - 1, kBegin, -2};
  }
}

Made slice_by(Generator& g, int v, bool back) {
  if (g.rank(v) == 0) return std::nullopt;
  Vec<Dim> shape = g.at(v).shape;
  Vec<int64_t> starts, ends, axes, steps;
  Vec<int> all;
  for (int i = 0; i < g.rank(v); ++i) all.push_back(i);
  g.random.shuffle(all);
  size_t count = 1 + g.random.below(std::min<size_t>(all.size(), 2));
  for (size_t i = 0; i < count; ++i) {
    Dim& d = shape[static_cast<size_t>(all[i])];
    Cut c = back && i == 0 ? backward(g, g.number(d)) : forward(g, g.number(d));
    // What max and min of a number fold to depends on it: the count stands for its own extents alone.
    d = count_of(d, c);
    starts.push_back(c.start), ends.push_back(c.end), steps.push_back(c.step);
    axes.push_back(spelled(g, all[i], g.rank(v)));
  }
  Vec<int> others = {g.integers(starts), g.integers(ends), g.integers(axes)};
  bool ones = std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s == 1; });
  if (!ones || g.random.percent(50)) others.push_back(g.integers(steps));
  return g.view("Slice", v, others, shape);
}

Made slice(Generator& g, int v) { return slice_by(g, v, false); }
Made slice_back(Generator& g, int v) { return slice_by(g, v, true); }

// ---- Axes of extent 1 -------------------------------------------------------------------------

// v with an axis of extent 1, and which one.
std::optional<std::pair<int, int>> with_one(Generator& g, int v) {
  Vec<int> ones;
  for (int i = 0; i < g.rank(v); ++i) {
    if (g.at(v).shape[static_cast<size_t>(i)].is(1)) ones.push_back(i);
  }
  if (!ones.empty()) return std::pair(v, g.random.pick(ones));
  if (g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  Vec<Dim> shape = g.at(v).shape;
  Dim& d = shape[static_cast<size_t>(axis)];
  if (!g.need(d, 1)) return std::nullopt;
  d = 1;
  int64_t start = g.random.percent(50) ? 0 : -1;
  Made cut = g.view(
      "Slice", v,
      {g.integers({start}), g.integers({start == 0 ? 1 : INT64_MAX}), g.integers({axis})}, shape);
  if (!cut) return std::nullopt;
  return std::pair(*cut, axis);
}

Made squeeze(Generator& g, int v) {
  auto one = with_one(g, v);
  if (!one) return std::nullopt;
  auto [x, axis] = *one;
  Vec<Dim> shape = g.at(x).shape;
  shape.erase(shape.begin() + axis);
  return g.view("Squeeze", x, {g.integers({spelled(g, axis, g.rank(x))})}, shape);
}

Made unsqueeze(Generator& g, int v) {
  int rank = g.rank(v);
  if (rank >= 6) return std::nullopt;
  int axis = static_cast<int>(g.random.below(static_cast<size_t>(rank) + 1));
  Vec<Dim> shape = g.at(v).shape;
  shape.insert(shape.begin() + axis, 1);
  return g.view("Unsqueeze", v, {g.integers({spelled(g, axis, rank + 1)})}, shape);
}

Made expand(Generator& g, int v) {
  auto one = with_one(g, v);
  if (!one) return std::nullopt;
  auto [x, axis] = *one;
  Vec<Dim> shape = g.at(x).shape;
  shape[static_cast<size_t>(axis)] = g.extent();
  if (shape.size() < 5 && g.random.percent(20)) shape.insert(shape.begin(), g.extent());
  Made target = g.extents(shape);
  if (!target) return target;
  return g.view("Expand", x, {*target}, shape);
}

// ---- Parts ------------------------------------------------------------------------------------

Made concat(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  Vec<int> parts = {v};
  double big = g.at(v).big;
  size_t more = g.random.below(10) == 0 ? 0 : 1 + g.random.below(2);
  for (size_t i = 0; i < more; ++i) {
    Vec<Dim> shape = g.at(v).shape;
    Dim& d = shape[static_cast<size_t>(axis)];
    if (g.random.percent(60)) d = g.extent();
    int part =
        g.random.percent(15) && shape == g.at(v).shape ? v : g.operand(g.at(v).dtype, shape, big);
    parts.insert(g.random.percent(50) ? parts.begin() : parts.end(), part);
    big = std::max(big, g.at(part).big);
  }
  return g.together(parts, axis);
}

Made split(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  const Value x = g.at(v);
  const Dim extent = x.shape[static_cast<size_t>(axis)];
  Vec<Dim> sizes;
  Vec<int> inputs = {v};
  Attributes attributes = {{"axis", spelled(g, axis, g.rank(v))}};
  auto half = exact_div(extent, 2);
  if (g.m.is_open(extent)) {
    if (!half) return std::nullopt;
    sizes = {*half, *half};
    attributes.emplace_back("num_outputs", int64_t{2});
  } else {
    int64_t most = std::max<int64_t>(1, g.number(extent) / 2);
    int64_t first = g.random.between(0, most);
    if (!g.need(extent, first)) return std::nullopt;
    sizes = {Dim(first), extent - first};
    if (first > 1 && g.random.percent(40)) sizes = {Dim(1), Dim(first - 1), extent - first};
    if (g.random.percent(40)) std::swap(sizes.front(), sizes.back());
    Made target = g.extents(sizes);
    if (!target) return target;
    inputs.push_back(*target);
  }
  Vec<Generator::Result> results;
  for (const Dim& size : sizes) {
    results.push_back({x.dtype, x.shape, x.big, x.error, x.exact, x.whole});
    results.back().shape[static_cast<size_t>(axis)] = size;
  }
  Vec<int> parts = g.nodes("Split", inputs, results, attributes);
  if (parts.empty()) return std::nullopt;
  return g.random.pick(parts);
}

// ---- Pad --------------------------------------------------------------------------------------

Made pad(Generator& g, int v) {
  int rank = g.rank(v);
  if (rank == 0 || g.at(v).dtype == DType::kBool) return std::nullopt;
  std::string mode = g.random.pick({"constant", "constant", "reflect", "edge", "wrap"});
  Vec<Dim> shape = g.at(v).shape;
  Vec<int64_t> low(static_cast<size_t>(rank)), high = low;
  Vec<int> all;
  for (int i = 0; i < rank; ++i) all.push_back(i);
  g.random.shuffle(all);
  // What is empty stays so most often, and the last axis keeps its class.
  auto rests = [&](int axis) {
    return g.number(shape[static_cast<size_t>(axis)]) == 0 || axis + 1 == rank;
  };
  if (g.random.percent(75)) std::stable_partition(all.begin(), all.end(), std::not_fn(rests));
  size_t count = 1 + g.random.below(std::min<size_t>(all.size(), 2));
  for (size_t i = 0; i < count; ++i) {
    auto axis = static_cast<size_t>(all[i]);
    if (i > 0 && rests(all[i]) && g.random.percent(75)) break;
    low[axis] = g.random.between(0, 2), high[axis] = g.random.between(0, 2);
    bool negative = mode == "constant" && g.random.percent(15);
    if (negative) (g.random.percent(50) ? low : high)[axis] = -1;
    int64_t least = mode == "constant" ? (negative ? 2 : 0) : std::max(low[axis], high[axis]) + 1;
    if (!g.need(shape[axis], least)) return std::nullopt;
    shape[axis] = shape[axis] + low[axis] + high[axis];
  }
  low.insert(low.end(), high.begin(), high.end());
  Vec<int> others = {g.integers(low)};
  double fill = 0;
  if (mode == "constant" && g.random.percent(40)) {
    fill = g.random.pick({0, 1, 2});
    others.push_back(g.scalar(g.at(v).dtype, fill));
  }
  Made made = g.view("Pad", v, others, shape, {{"mode", mode}});
  if (made) g.at(*made).big = std::max(g.at(*made).big, fill);
  return made;
}

// ---- Chosen by indexes ------------------------------------------------------------------------

// Indexes into an extent: a constant, or known at run time only.
Made indexes(Generator& g, const Dim& extent, Vec<Dim> shape, bool from_zero = false) {
  if (!g.need(extent, 1)) return std::nullopt;
  Fill f{.kind = Fill::Kind::kIndex};
  f.extent = extent, f.from_zero = from_zero;
  DType t = g.random.percent(70) ? DType::kI64 : DType::kI32;
  bool fixed = g.closed(shape) && !g.m.is_open(extent) && g.random.percent(50);
  return fixed ? g.constant(t, std::move(shape), f) : g.input(t, std::move(shape), f);
}

Made gather(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  Vec<Dim> shape = g.at(v).shape, chosen;
  const Dim extent = shape[static_cast<size_t>(axis)];
  for (size_t rank = g.random.pick<size_t>({0, 1, 1, 1, 2}); rank > 0; --rank) {
    chosen.push_back(g.extent());
  }
  if (shape.size() - 1 + chosen.size() > 6) return std::nullopt;
  Made index = indexes(g, extent, chosen);
  if (!index) return index;
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, chosen.begin(), chosen.end());
  return g.view("Gather", v, {*index}, shape, {{"axis", spelled(g, axis, g.rank(v))}});
}

Made gather_elements(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  Vec<Dim> shape = g.at(v).shape;
  const Dim extent = shape[static_cast<size_t>(axis)];
  shape[static_cast<size_t>(axis)] = g.extent();
  Made index = indexes(g, extent, shape);
  if (!index) return index;
  return g.view("GatherElements", v, {*index}, shape, {{"axis", spelled(g, axis, g.rank(v))}});
}

// Combined, so that nothing hangs on which of several updates of one element comes last.
Made scatter_elements(Generator& g, int v) {
  const Value data = g.at(v);
  const bool combines = data.dtype == DType::kF32 || data.dtype == DType::kF64 ||
                        data.dtype == DType::kI32 || data.dtype == DType::kI64;
  if (!combines || g.rank(v) == 0) return std::nullopt;
  int axis = g.axis(v);
  Vec<Dim> shape = data.shape;
  const Dim extent = shape[static_cast<size_t>(axis)];
  shape[static_cast<size_t>(axis)] = g.extent();
  Made index = indexes(g, extent, shape);
  if (!index) return index;
  int updates = g.fresh(data.dtype, shape, 2);
  const Value u = g.at(updates);
  double n = static_cast<double>(std::max<int64_t>(1, g.number(shape[static_cast<size_t>(axis)])));
  Generator::Result r{data.dtype, data.shape, data.big, data.error};
  const bool adds = g.random.percent(60);
  r.big = adds ? data.big + n * u.big : std::max(data.big, u.big);
  r.error += n * (u.error + (adds ? Generator::unit(data.dtype) * r.big : 0));
  r.exact = data.exact && u.exact && (!adds || (data.whole && u.whole));
  r.whole = data.whole && u.whole;
  return g.node("ScatterElements", {v, *index, updates}, r,
                {{"axis", spelled(g, axis, g.rank(v))},
                 {"reduction", adds ? std::string("add") : std::string("max")}});
}

// Of pairs of leading axes whose extents are one.
Made gather_nd(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  const Vec<Dim> in = g.at(v).shape;
  bool batched = g.rank(v) >= 2 && g.random.percent(40);
  const Dim extent = batched ? in[1] : in[0];
  Vec<Dim> chosen;
  if (batched) chosen.push_back(in[0]);
  chosen.push_back(g.extent());
  Vec<Dim> shape = chosen;
  shape.insert(shape.end(), in.begin() + (batched ? 2 : 1), in.end());
  if (shape.size() > 6) return std::nullopt;
  chosen.emplace_back(1);
  Made index = indexes(g, extent, chosen);
  if (!index) return index;
  if (g.at(*index).dtype != DType::kI64) g.at(*index).dtype = DType::kI64;
  return g.view("GatherND", v, {*index}, shape, {{"batch_dims", int64_t{batched}}});
}

// ---- Blocks and repeats -----------------------------------------------------------------------

Made tile(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  Vec<int64_t> repeats;
  Vec<Dim> shape = g.at(v).shape;
  for (Dim& d : shape) {
    repeats.push_back(g.random.percent(60) ? 1 : g.random.between(1, 3));
    d = d * repeats.back();
  }
  return g.view("Tile", v, {g.integers(repeats)}, shape);
}

Made depth_to_space(Generator& g, int v) {
  if (g.rank(v) != 4) return std::nullopt;
  Vec<Dim> shape = g.at(v).shape;
  int64_t s = 2;
  auto channels = exact_div(shape[1], s * s);
  if (!channels) {
    // Channels that are four times others.
    channels = shape[1];
    v = g.fresh(g.at(v).dtype, {shape[0], shape[1] * (s * s), shape[2], shape[3]});
  }
  if (g.elements(g.at(v).shape) > 20'000) return std::nullopt;
  return g.view("DepthToSpace", v, {}, {shape[0], *channels, shape[2] * s, shape[3] * s},
                {{"blocksize", s}, {"mode", std::string(g.random.percent(50) ? "DCR" : "CRD")}});
}

Made space_to_depth(Generator& g, int v) {
  if (g.rank(v) != 4) return std::nullopt;
  Vec<Dim> shape = g.at(v).shape;
  int x = g.fresh(g.at(v).dtype, {shape[0], shape[1], shape[2] * 2, shape[3] * 2});
  if (g.elements(g.at(x).shape) > 20'000) return std::nullopt;
  return g.view("SpaceToDepth", x, {}, {shape[0], shape[1] * 4, shape[2], shape[3]},
                {{"blocksize", int64_t{2}}});
}

Made trilu(Generator& g, int v) {
  if (g.rank(v) < 2) return std::nullopt;
  Vec<int> others;
  if (g.random.percent(50)) others.push_back(g.integers({g.random.between(-2, 2)}, true));
  return g.view("Trilu", v, others, g.at(v).shape, {{"upper", g.random.between(0, 1)}});
}

}  // namespace

// ---- Concatenations of what was made ----------------------------------------------------------

Made Generator::together(const Vec<int>& parts, int axis) {
  const Value first = at(parts[0]);
  Result r{first.dtype, first.shape, first.big, first.error, first.exact, first.whole};
  Dim& sum = r.shape[static_cast<size_t>(axis)];
  sum = 0;
  for (const int part : parts) {
    const Value x = at(part);
    sum = sum + x.shape[static_cast<size_t>(axis)];
    r.big = std::max(r.big, x.big), r.error = std::max(r.error, x.error);
    r.exact &= x.exact, r.whole &= x.whole;
  }
  return node("Concat", parts, r, {{"axis", spelled(*this, axis, rank(parts[0]))}});
}

namespace {

const Emitter& a_reader(Random& random) {
  for (;;) {
    const Emitter& e = random.pick(emitters());
    if (e.family != Family::kView && e.family != Family::kOther) return e;
  }
}

}  // namespace

Made Generator::beside(int v, int axis) {
  for (int tries = 0; tries < 4; ++tries) {
    const bool image = rank(v) > 2 && random.percent(50);
    Made made = image ? same_conv(*this, v) : a_reader(random).emit(*this, v);
    if (!made || at(*made).dtype != at(v).dtype || rank(*made) != rank(v)) continue;
    Vec<Dim> shape = at(*made).shape;
    shape[static_cast<size_t>(axis)] = at(v).shape[static_cast<size_t>(axis)];
    if (shape == at(v).shape) return made;
  }
  return std::nullopt;
}

// What is made from a concatenation is put behind it, or behind all its parts anew, again and again; some of it is
// taken apart, and others read it.
bool Generator::dense() {
  int whole = of_rank(2 + random.below(3), false);
  const int axis = this->axis(whole);
  if (random.percent(70)) whole = beside(whole, axis).value_or(whole);
  Vec<int> parts = {whole};
  for (size_t i = 2 + random.below(3); i > 0; --i) {
    const Made part = beside(whole, axis);
    if (!part) continue;
    pool_.push_back(*part);
    parts.push_back(*part);
    if (random.percent(15)) parts.push_back(random.pick(parts));
    const Made next = random.percent(50) ? together(parts, axis) : together({whole, *part}, axis);
    if (!next) break;
    pool_.push_back(whole = *next);
    if (random.percent(40)) made_view_of(whole);
    if (random.percent(30)) {
      if (Made one = a_reader(random).emit(*this, whole)) pool_.push_back(*one);
    }
  }
  return parts.size() > 1;
}

// ---- The table --------------------------------------------------------------------------------

Vec<Emitter> view_emitters() {
  return {
      {"transpose", "transpose", Family::kView, transpose},
      {"reshape", "reshape", Family::kView, reshape},
      {"flatten", "flatten", Family::kView, flatten},
      {"slice", "slice", Family::kView, slice},
      {"slice", "slice_back", Family::kView, slice_back},
      {"squeeze", "squeeze", Family::kView, squeeze},
      {"unsqueeze", "unsqueeze", Family::kView, unsqueeze},
      {"expand", "expand", Family::kView, expand},
      {"concat", "concat", Family::kView, concat},
      {"split", "split", Family::kView, split},
      {"pad", "pad", Family::kView, pad},
      {"gather", "gather", Family::kView, gather},
      {"gather_elements", "", Family::kOther, gather_elements},
      {"gather_nd", "", Family::kOther, gather_nd},
      {"scatter_elements", "", Family::kOther, scatter_elements},
      {"tile", "", Family::kOther, tile},
      {"depth_to_space", "", Family::kOther, depth_to_space},
      {"space_to_depth", "", Family::kOther, space_to_depth},
      {"trilu", "", Family::kOther, trilu},
  };
}

}  // namespace rlx::random
