// Transforms of signals, sequences, and what selects among boxes or counts words.
#include "test/random/generate.h"

namespace rlx::random {
namespace {

using Attributes = Vec<std::pair<std::string, Setting>>;

Generator::Result alike(const Value& x) {
  return {x.dtype, x.shape, x.big, x.error, x.exact, x.whole};
}

// A sum of so many elements with factors up to 1.
void add_up(Generator::Result& r, const Value& x, int64_t n) {
  const auto count = static_cast<double>(std::max<int64_t>(1, n));
  r.big = 2 * count * x.big;
  r.error = 2 * count * x.error + 4 * count * count * Generator::unit(x.dtype) * x.big;
  r.exact = r.whole = false;
}

// With an axis of one part behind.
Made as_signal(Generator& g, int v) {
  Vec<Dim> shape = g.at(v).shape;
  shape.emplace_back(1);
  return g.view("Unsqueeze", v, {g.integers({g.rank(v)})}, shape);
}

Made dft(Generator& g, int v) {
  if (g.at(v).dtype != DType::kF32 || g.rank(v) == 0) return std::nullopt;
  const int axis = g.axis(v);
  const Made signal = as_signal(g, v);
  const Dim extent = g.at(v).shape[static_cast<size_t>(axis)];
  if (!signal || !g.need(extent, 1)) return std::nullopt;
  const bool half = g.random.percent(50);
  Generator::Result r = alike(g.at(*signal));
  r.shape[static_cast<size_t>(axis)] = half ? floor_div(extent, 2) + 1 : extent;
  r.shape.back() = 2;
  add_up(r, g.at(v), g.number(extent));
  return g.node("DFT", {*signal, -1, g.integers({axis}, true)}, std::move(r),
                {{"onesided", int64_t{half}}});
}

Made stft(Generator& g, int v) {
  if (g.at(v).dtype != DType::kF32 || g.rank(v) != 2) return std::nullopt;
  const Vec<Dim> shape = g.at(v).shape;
  const int64_t length = g.random.between(1, std::max<int64_t>(1, g.number(shape[1])));
  const Made signal = as_signal(g, v);
  if (!signal || !g.need(shape[1], length)) return std::nullopt;
  const int64_t step = g.random.between(1, 5);
  Generator::Result r = alike(g.at(*signal));
  r.shape = {shape[0], floor_div(shape[1] - length, step) + 1, length / 2 + 1, 2};
  add_up(r, g.at(v), 2 * length);
  const int window = g.constant(DType::kF32, {length}, {.lo = -1, .hi = 1});
  return g.node("STFT", {*signal, g.integers({step}, true), window}, std::move(r));
}

Made reverse_sequence(Generator& g, int v) {
  if (g.rank(v) < 2) return std::nullopt;
  const Vec<Dim> shape = g.at(v).shape;
  const int64_t time = g.random.below(2) == 0 ? 0 : 1;
  const Dim& steps = shape[static_cast<size_t>(time)];
  const int64_t most = g.number(steps);
  if (!g.need(steps, most)) return std::nullopt;
  const Fill fill{.kind = Fill::Kind::kWhole, .lo = 1, .hi = static_cast<double>(most)};
  if (most < 1) return std::nullopt;
  const int lengths = g.input(DType::kI64, {shape[static_cast<size_t>(1 - time)]}, fill);
  return g.node("ReverseSequence", {v, lengths}, alike(g.at(v)),
                {{"time_axis", time}, {"batch_axis", 1 - time}});
}

// Of matrices whose diagonal is greater than the rest.
Made det(Generator& g, int v) {
  const Value x = g.at(v);
  if (x.dtype != DType::kF32 || x.shape.size() != 2 || !g.closed({x.shape[1]})) return std::nullopt;
  const int64_t n = g.number(x.shape[1]);
  const Made rows = g.bounded(v, 1);
  if (n < 1 || n > 4 || !rows) return std::nullopt;
  const int diagonal = g.constant(DType::kF32, {n, n}, {.lo = 6, .hi = 7});
  const int unit = g.opaque("EyeLike", {diagonal}, {DType::kF32})[0];
  const int scaled = g.opaque("Mul", {unit, diagonal}, {DType::kF32})[0];
  const Made thick = g.view("Unsqueeze", *rows, {g.integers({1})}, {x.shape[0], 1, n});
  if (!thick) return thick;
  Generator::Result sum{DType::kF32, {x.shape[0], n, n}, 8, g.at(*rows).error + 1e-6};
  const Made matrices = g.node("Add", {*thick, scaled}, sum);
  if (!matrices) return matrices;
  Generator::Result r{DType::kF32, {x.shape[0]}, 5e4, 5e4 * g.at(*rows).error + 0.05};
  return g.node("Det", {*matrices}, std::move(r));
}

// How many boxes are taken of whole corners, and their places, added up.
Made non_max_suppression(Generator& g, int v) {
  const Value x = g.at(v);
  if (x.dtype != DType::kF32 || x.shape.size() != 3 || !x.exact || !g.need(x.shape[2], 1)) {
    return std::nullopt;
  }
  const int boxes = g.input(DType::kF32, {x.shape[0], x.shape[2], 4},
                            {.kind = Fill::Kind::kWhole, .lo = 0, .hi = 6});
  const int most = g.integers({g.random.between(0, 5)});
  const int share = g.scalar(DType::kF32, 0.35);
  Vec<int> inputs = {v, most, share};
  inputs.insert(inputs.begin(), boxes);
  if (g.random.percent(50)) inputs.push_back(g.scalar(DType::kF32, 0.25));
  const Attributes a = {{"center_point_box", static_cast<int64_t>(g.random.below(2))}};
  const int rows = g.opaque("NonMaxSuppression", inputs, {DType::kI64}, a)[0];
  Generator::Result r{DType::kI64, {}, 1e5};
  r.exact = r.whole = true;
  return g.node("ReduceSum", {rows}, std::move(r), {{"keepdims", int64_t{0}}});
}

Made tf_idf_vectorizer(Generator& g, int v) {
  const Value x = g.at(v);
  const bool whole = x.dtype == DType::kI64 || x.dtype == DType::kI32;
  if (!whole || x.shape.empty() || x.shape.size() > 2) return std::nullopt;
  for (const Dim& d : x.shape) {
    if (!g.need(d, 1)) return std::nullopt;
  }
  Vec<Dim> shape = x.shape;
  shape.back() = 5;
  const auto most = static_cast<double>(g.number(x.shape.back()));
  Generator::Result r{DType::kF32, shape, 8 * most};
  r.exact = r.whole = true;
  return g.node("TfIdfVectorizer", {v}, std::move(r),
                {{"mode", g.random.pick<std::string>({"TF", "IDF", "TFIDF"})},
                 {"min_gram_length", g.random.between(1, 2)},
                 {"max_gram_length", int64_t{2}},
                 {"max_skip_count", g.random.between(0, 2)},
                 {"ngram_counts", Vec<int64_t>{0, 2}},
                 {"ngram_indexes", Vec<int64_t>{0, 4, 1, 2}},
                 {"pool_int64s", Vec<int64_t>{0, 1, 0, 1, 1, 1}}});
}

}  // namespace

Vec<Emitter> signal_emitters() {
  return {{"dft", "", Family::kOther, dft},
          {"stft", "", Family::kOther, stft},
          {"reverse_sequence", "", Family::kOther, reverse_sequence},
          {"det", "", Family::kOther, det},
          {"non_max_suppression", "", Family::kOther, non_max_suppression},
          {"tf_idf_vectorizer", "", Family::kOther, tf_idf_vectorizer}};
}

}  // namespace rlx::random
