// How often each of some sequences of numbers (n-grams) stands in a row, weighted.
#pragma once
#include <algorithm>

#include "op/concat.h"
#include "op/gather.h"
#include "op/op.h"
#include "op/shared/codes.h"
#include "op/shared/formula.h"

namespace rlx::ops {

// Input: numbers [n], or rows of them [batch, n]. The output has a column an n-gram, where ngram_indexes says.
struct TfIdfVectorizer {
  static constexpr std::string_view name = "tf_idf_vectorizer";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = only(DType::kI32) | only(DType::kI64);

  int64_t max_gram_length = 1;
  // Up to so many numbers may lie between those of an n-gram, always as many.
  int64_t max_skip_count = 0;
  int64_t min_gram_length = 1;
  // "TF": how often; "IDF": the weight of what is there; "TFIDF": both.
  std::string mode = "TF";
  // Where in the pool n-grams of 1, 2, ... numbers begin.
  Vec<int64_t> ngram_counts = {};
  Vec<int64_t> ngram_indexes = {};
  Vec<int64_t> pool_int64s = {};
  Vec<std::string> pool_strings = {};
  // Of the n-grams; empty: 1.
  Vec<float> weights = {};

  static Result<Types> infer(const TfIdfVectorizer& o, InferCtx& c) {
    RLX_TRY_VOID(check(o, c));
    Vec<Dim> shape = c.in(0).shape;
    if (shape.empty() || shape.size() > 2) {
      return c.error(kUnsupportedForm, "the input has not 1 or 2 axes");
    }
    shape.back() = columns(o);
    return Types{Type::tensor(DType::kF32, std::move(shape))};
  }

  static Result<Values> expand(const TfIdfVectorizer& o, GraphBuilder& b, const Node& block) {
    Formula f(b);
    const Wire x = cast(f(block.inputs[0]), DType::kI64);
    const Vec<Dim> shape = x.shape();
    const Dim rows = shape.size() == 1 ? Dim(1) : shape[0];
    const Wire counts = all_counts(o, reshape(x, {rows, shape.back()}));
    Wire y = cast(counts, DType::kF32);
    if (o.mode == "IDF") y = f.make("min", {y, f.number(DType::kF32, 1.0)});
    if (o.mode != "TF" && !o.weights.empty()) y = y * weights_of_columns(f, o);
    return f.values({reshape(y, f(block.outputs[0]).shape())});
  }

 private:
  // N-grams of `length` numbers, as many as `places`, from `begin` on in the pool.
  struct Grams {
    size_t length = 1, begin = 0, places = 0;
    // Among all n-grams.
    size_t first = 0;
  };

  static Vec<Grams> grams_of(const TfIdfVectorizer& o) {
    Vec<Grams> all;
    size_t number = 0;
    for (size_t i = 0; i < o.ngram_counts.size(); ++i) {
      const auto begin = static_cast<size_t>(o.ngram_counts[i]);
      const size_t end = i + 1 < o.ngram_counts.size() ? static_cast<size_t>(o.ngram_counts[i + 1])
                                                       : o.pool_int64s.size();
      all.push_back({i + 1, begin, (end - begin) / (i + 1), number});
      number += all.back().places;
    }
    return all;
  }

  static int64_t columns(const TfIdfVectorizer& o) {
    return *std::ranges::max_element(o.ngram_indexes) + 1;
  }

  static Status check(const TfIdfVectorizer& o, const InferCtx& c) {
    constexpr int64_t kMostColumns = int64_t{1} << 24;
    const auto refuse = [&](std::string_view what) {
      return c.error(kBadAttribute, std::string(what));
    };
    if (!o.pool_strings.empty()) return c.error(kUnsupportedForm, "n-grams of strings");
    if (o.mode != "TF" && o.mode != "IDF" && o.mode != "TFIDF") {
      return refuse("mode '" + o.mode + "' is not known");
    }
    const auto pool = std::ssize(o.pool_int64s);
    const bool sorted = std::ranges::is_sorted(o.ngram_counts);
    if (o.ngram_counts.empty() || !sorted || o.ngram_counts[0] < 0 ||
        o.ngram_counts.back() > pool) {
      return refuse("ngram_counts are no places in the pool");
    }
    const Grams last = grams_of(o).back();
    if (o.ngram_indexes.size() != last.first + last.places || o.ngram_indexes.empty()) {
      return refuse("ngram_indexes are not as many as the n-grams");
    }
    Vec<int64_t> indexes = o.ngram_indexes;
    std::ranges::sort(indexes);
    if (indexes[0] < 0 || indexes.back() >= kMostColumns) return refuse("an index of an n-gram");
    if (std::ranges::adjacent_find(indexes) != indexes.end()) {
      return c.error(kUnsupportedForm, "two n-grams of one index");
    }
    const bool in_range = o.min_gram_length >= 1 && o.max_gram_length >= o.min_gram_length &&
                          o.max_skip_count >= 0 && o.max_skip_count <= kMostSkips;
    if (!in_range) return refuse("lengths of n-grams or skips are out of range");
    if (!o.weights.empty() && o.weights.size() != o.ngram_indexes.size()) {
      return refuse("weights are not as many as the n-grams");
    }
    return {};
  }

  static constexpr int64_t kMostSkips = 64;

  template <class T>
  static Wire vector(Formula& f, const Vec<T>& elements, DType type) {
    std::string bytes(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
    return f(f.builder().constant(make_constant(type, {std::ssize(elements)}, std::move(bytes))));
  }

  static Wire weights_of_columns(Formula& f, const TfIdfVectorizer& o) {
    Vec<float> weights(static_cast<size_t>(columns(o)), 1);
    for (size_t i = 0; i < o.weights.size(); ++i) {
      weights[static_cast<size_t>(o.ngram_indexes[i])] = o.weights[i];
    }
    return vector(f, weights, DType::kF32);
  }

  // i64[rows, columns].
  static Wire all_counts(const TfIdfVectorizer& o, Wire x) {
    Formula& f = *x.formula;
    Vec<int64_t> from(static_cast<size_t>(columns(o)), -1);
    Vec<Wire> parts;
    int64_t number = 0;
    for (const Grams& grams : grams_of(o)) {
      const auto length = static_cast<int64_t>(grams.length);
      if (grams.places == 0 || length < o.min_gram_length || length > o.max_gram_length) continue;
      parts.push_back(counts(o, x, grams));
      for (size_t i = 0; i < grams.places; ++i) {
        from[static_cast<size_t>(o.ngram_indexes[grams.first + i])] = number++;
      }
    }
    // Other columns are of zeros, which come last; negative indexes count from there.
    parts.push_back(f.full(DType::kI64, {x.shape()[0], 1}, 0));
    const Wire all = f.make(attrs(Concat{.axis = 1}), parts);
    return f.make(attrs(Gather{.axis = 1}), {all, vector(f, from, DType::kI64)});
  }

  // i64[rows, n-grams]: those of one number have nothing to skip.
  static Wire counts(const TfIdfVectorizer& o, Wire x, const Grams& grams) {
    Wire all = x.formula->none();
    const int64_t skips = grams.length == 1 ? 0 : o.max_skip_count;
    for (int64_t skip = 0; skip <= skips; ++skip) {
      all = added(all, matches(o, x, grams, skip + 1));
    }
    return all;
  }

  static Wire matches(const TfIdfVectorizer& o, Wire x, const Grams& grams, int64_t step) {
    Formula& f = *x.formula;
    const Dim n = x.shape()[1];
    const Dim places = max(n - (static_cast<int64_t>(grams.length) - 1) * step, 0);
    Wire all = f.none();
    for (size_t k = 0; k < grams.length; ++k) {
      Vec<int64_t> wanted;
      for (size_t i = 0; i < grams.places; ++i) {
        wanted.push_back(o.pool_int64s[grams.begin + i * grams.length + k]);
      }
      const Dim begin = static_cast<int64_t>(k) * step;
      const Wire part = reshape(slice(x, 1, begin, begin + places), {x.shape()[0], places, 1});
      const Wire is_equal = f.make("equal", {part, vector(f, wanted, DType::kI64)});
      all = all.valid() ? f.make("and", {all, is_equal}) : is_equal;
    }
    const Dim count = static_cast<int64_t>(grams.places);
    return reshape(sum(cast(all, DType::kI64), {1}), {x.shape()[0], count});
  }
};
RLX_OP(TfIdfVectorizer);

}  // namespace rlx::ops
