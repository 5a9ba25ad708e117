// Sums of products by an equation, and slices put to places that the data gives.
#include <algorithm>

#include "test/random/generate.h"

namespace rlx::random {
namespace {

// The first axes of v with letters; another operand with some of these and letters of its own; any of all of them in
// any order.
struct Letters {
  Vec<char> first, second, out;
  std::map<char, Dim> extents;

  Vec<Dim> shape(const Vec<char>& letters) const {
    Vec<Dim> dims;
    for (const char c : letters) dims.push_back(extents.at(c));
    return dims;
  }
};

template <class T>
void shuffle(Generator& g, Vec<T>& all) {
  for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[g.random.below(i)]);
}

Letters letters_of(Generator& g, int v) {
  Letters l;
  for (const Dim& d : g.at(v).shape) {
    const char c = static_cast<char>('a' + l.extents.size());
    l.first.push_back(c);
    l.extents.emplace(c, d);
    if (g.random.percent(60)) l.second.push_back(c);
  }
  if (l.second.empty() || g.random.percent(60)) {
    const char c = static_cast<char>('a' + l.extents.size());
    l.extents.emplace(c, g.extent());
    l.second.push_back(c);
  }
  shuffle(g, l.second);
  for (const auto& [c, extent] : l.extents) {
    if (g.random.percent(55)) l.out.push_back(c);
  }
  shuffle(g, l.out);
  return l;
}

Made einsum(Generator& g, int v) {
  const Value x = g.at(v);
  // Of these types onnxruntime has it.
  const bool fits = x.dtype == DType::kF32 || x.dtype == DType::kF64 || x.dtype == DType::kI32 ||
                    x.dtype == DType::kI64;
  if (!fits || x.shape.size() > 4 || x.shape.empty()) return std::nullopt;
  const Letters l = letters_of(g, v);
  Vec<Dim> all;
  for (const auto& [c, extent] : l.extents) all.push_back(extent);
  // Of no elements onnxruntime makes no sum.
  for (const Dim& d : all) {
    if (!g.need(d, 1)) return std::nullopt;
  }
  if (g.elements(all) > 500'000 || g.elements(l.shape(l.second)) > 20'000) return std::nullopt;
  Vec<Dim> summed;
  for (const auto& [c, extent] : l.extents) {
    if (std::ranges::count(l.out, c) == 0) summed.push_back(extent);
  }
  const bool single = g.random.percent(20);
  const double n = static_cast<double>(g.elements(summed));
  const int other = g.operand(x.dtype, l.shape(l.second), is_float(x.dtype) ? 2 / n : 1);
  const Value y = g.at(other);
  if (single) {
    Letters only = l;
    std::erase_if(only.out, [&](char c) { return std::ranges::count(l.first, c) == 0; });
    Generator::Result r{x.dtype, only.shape(only.out), n * x.big, n * x.error};
    r.error += 2 * n * n * Generator::unit(x.dtype) * x.big;
    r.exact = r.whole = x.whole;
    return g.node("Einsum", {v}, r,
                  {{"equation", std::string(l.first.begin(), l.first.end()) + "->" +
                                    std::string(only.out.begin(), only.out.end())}});
  }
  Generator::Result r{x.dtype, l.shape(l.out), n * x.big * y.big};
  r.error = n * (x.big * y.error + y.big * x.error) + 4 * n * Generator::unit(x.dtype) * r.big;
  r.exact = r.whole = x.whole && y.whole;
  return g.node("Einsum", {v, other}, r,
                {{"equation", std::string(l.first.begin(), l.first.end()) + "," +
                                  std::string(l.second.begin(), l.second.end()) + "->" +
                                  std::string(l.out.begin(), l.out.end())}});
}

// Combined, so that nothing hangs on which of several updates of one element comes last.
Made scatter_nd(Generator& g, int v) {
  const Value data = g.at(v);
  const bool combines = data.dtype == DType::kF32 || data.dtype == DType::kF64 ||
                        data.dtype == DType::kI32 || data.dtype == DType::kI64;
  if (!combines || data.shape.empty() || !g.need(data.shape[0], 1)) return std::nullopt;
  const Dim count = g.extent();
  Fill places{.kind = Fill::Kind::kIndex};
  places.extent = data.shape[0];
  const int indices = g.input(DType::kI64, {count, 1}, places);
  Vec<Dim> shape = data.shape;
  shape[0] = count;
  if (g.elements(shape) > 20'000) return std::nullopt;
  const int updates = g.fresh(data.dtype, shape, 2);
  const Value u = g.at(updates);
  const double n = static_cast<double>(std::max<int64_t>(1, g.number(count)));
  const bool adds = g.random.percent(60);
  Generator::Result r{data.dtype, data.shape, data.big, data.error};
  r.big = adds ? data.big + n * u.big : std::max(data.big, u.big);
  r.error += n * (u.error + (adds ? Generator::unit(data.dtype) * r.big : 0));
  r.exact = data.exact && u.exact && (!adds || (data.whole && u.whole));
  r.whole = data.whole && u.whole;
  return g.node("ScatterND", {v, indices, updates}, r,
                {{"reduction", std::string(adds ? "add" : "max")}});
}

}  // namespace

Vec<Emitter> equation_emitters() {
  return {
      {"einsum", "", Family::kProduct, einsum},
      {"scatter_nd", "", Family::kOther, scatter_nd},
  };
}

}  // namespace rlx::random
