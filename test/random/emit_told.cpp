// Extents that only the run knows. What is made of them has extents that are known here: rlx has to find out.
#include "test/random/generate.h"

namespace rlx::random {
namespace {

using Attributes = Vec<std::pair<std::string, Setting>>;

Generator::Result same(const Value& x) {
  return {x.dtype, x.shape, x.big, x.error, x.exact, x.whole};
}

// The number as data that nobody can know before the run: the greatest of an input's elements, all of them that.
Made told_number(Generator& g, int64_t number) {
  const auto n = static_cast<double>(number);
  const int data =
      g.input(DType::kI64, {2, g.extent()}, {.kind = Fill::Kind::kWhole, .lo = n, .hi = n});
  if (!g.need(g.at(data).shape[1], 1)) return std::nullopt;
  const int greatest = g.opaque("ReduceMax", {data}, {DType::kI64}, {{"keepdims", int64_t{0}}})[0];
  return g.opaque("Reshape", {greatest, g.integers({1})}, {DType::kI64})[0];
}

// The first or last elements along an axis.
Made told_slice(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  const int axis = g.axis(v);
  const Dim extent = g.at(v).shape[static_cast<size_t>(axis)];
  const int64_t kept = g.random.between(0, g.number(extent));
  if (!g.need(extent, kept)) return std::nullopt;
  const bool from_end = kept > 0 && g.random.percent(40);
  const Made told = told_number(g, from_end ? -kept : kept);
  if (!told) return told;
  Generator::Result r = same(g.at(v));
  r.shape[static_cast<size_t>(axis)] = kept;
  const int axes = g.integers({axis});
  const int other = g.integers({from_end ? INT32_MAX : 0});
  Vec<int> inputs = {v, from_end ? *told : other, from_end ? other : *told, axes};
  return g.node("Slice", std::move(inputs), std::move(r));
}

Made told_tile(Generator& g, int v) {
  if (g.rank(v) != 1) return std::nullopt;
  const int64_t times = g.random.between(0, 3);
  const Made told = told_number(g, times);
  if (!told) return told;
  Generator::Result r = same(g.at(v));
  r.shape[0] = r.shape[0] * times;
  if (!g.fits(r)) return std::nullopt;
  return g.node("Tile", {v, *told}, std::move(r));
}

Made told(Generator& g, int v) { return g.random.percent(30) ? told_tile(g, v) : told_slice(g, v); }

// A sum over elements of which nobody knows how many there are.
Made sum_of(Generator& g, int v, int some, const Vec<int64_t>& axes, int keep) {
  const Value x = g.at(v);
  if (x.dtype == DType::kBool) return std::nullopt;
  const double n = static_cast<double>(std::max<int64_t>(1, g.elements(x.shape)));
  Generator::Result r = same(x);
  r.big = n * x.big;
  r.error = n * x.error + Generator::unit(x.dtype) * n * n * x.big;
  r.exact = x.whole;
  if (keep == 0) {
    r.shape = {};
  } else {
    for (const int64_t a : axes) r.shape[static_cast<size_t>(a)] = 1;
  }
  Vec<int> inputs = {some};
  if (!axes.empty()) inputs.push_back(g.integers(axes));
  return g.node("ReduceSum", std::move(inputs), std::move(r), {{"keepdims", int64_t{keep}}});
}

Made compress(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  const int axis = g.axis(v);
  const Value x = g.at(v);
  const Dim extent = x.shape[static_cast<size_t>(axis)];
  const int64_t kept = g.random.between(0, std::min<int64_t>(g.number(extent), 9));
  if (!g.need(extent, kept)) return std::nullopt;
  const bool all = g.random.percent(50);
  const int condition =
      g.input(DType::kBool, {kept}, {.kind = Fill::Kind::kWhole, .lo = all ? 1.0 : 0.0, .hi = 1});
  const Attributes a = {{"axis", spelled(g, axis, g.rank(v))}};
  if (!all) {
    const int some = g.opaque("Compress", {v, condition}, {x.dtype}, a)[0];
    return sum_of(g, v, some, {axis}, 1);
  }
  Generator::Result r = same(x);
  r.shape[static_cast<size_t>(axis)] = kept;
  return g.node("Compress", {v, condition}, std::move(r), a);
}

// The sum of those that are not zero, by their places.
Made non_zero(Generator& g, int v) {
  // What rounds may make a zero of what is none.
  if (g.rank(v) == 0 || !g.at(v).exact) return std::nullopt;
  const int places = g.opaque("NonZero", {v}, {DType::kI64})[0];
  const int columns =
      g.opaque("Transpose", {places}, {DType::kI64}, {{"perm", Vec<int64_t>{1, 0}}})[0];
  const int some = g.opaque("GatherND", {v, columns}, {g.at(v).dtype})[0];
  return sum_of(g, v, some, {}, 0);
}

// Each element, found among those that differ.
Made unique(Generator& g, int v) {
  const Value x = g.at(v);
  Dim all = 1;
  for (const Dim& d : x.shape) all = all * d;
  if (!x.exact || x.dtype == DType::kBool || !g.need(all, 1)) return std::nullopt;
  const Attributes a = {{"sorted", static_cast<int64_t>(g.random.below(2))}};
  const Vec<int> made =
      g.opaque("Unique", {v}, {x.dtype, DType::kI64, DType::kI64, DType::kI64}, a);
  Generator::Result r = same(x);
  r.shape = {all};
  return g.node("Gather", {made[0], made[2]}, std::move(r));
}

}  // namespace

Vec<Emitter> told_emitters() {
  return {
      {"compress", "", Family::kOther, compress},
      {"non_zero", "", Family::kOther, non_zero},
      {"tell", "", Family::kOther, told},
      {"unique", "", Family::kOther, unique},
  };
}

}  // namespace rlx::random
