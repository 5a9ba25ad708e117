#include "op/shared/fourier.h"

#include <numbers>

#include "op/concat.h"
#include "op/shared/codes.h"
#include "op/shared/places.h"

namespace rlx {
namespace {

// One above the other along a new axis of extent 1.
Wire stacked(const Vec<Wire>& parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  return parts[0].formula->make(attrs(ops::Concat{.axis = axis}), parts);
}

struct Waves {
  // [in, 1, out, 1].
  Wire cosine, sine;
};

// All but the first and, of an even length, the last element of a half stand for two.
Wire shares(Formula& f, const Fourier& t, Wire i) {
  const Wire zero = f.number(DType::kI64, Dim(0)), length = f.number(DType::kI64, t.length);
  const Wire is_first = f.make("equal", {i, zero});
  const Wire is_middle = f.make("equal", {i * 2.0, length});
  const Wire single = cast(f.make("or", {is_first, is_middle}), DType::kF64);
  return -single + 2.0;
}

Waves waves(Formula& f, const Fourier& t) {
  const Wire i = reshape(counted(f, t.in), {t.in, 1}), j = counted(f, t.out);
  const Wire turns = f.make("mod", {i * j, f.number(DType::kI64, t.length)});
  const Wire length = f.number(DType::kF64, t.length);
  const Wire angles = cast(turns, DType::kF64) * (2 * std::numbers::pi) / length;
  Wire cosine = f.make("cos", {angles}), sine = f.make("sin", {angles});
  if (t.inverse) {
    const Wire share = (t.is_half ? shares(f, t, i) : f.number(DType::kF64, 1.0)) / length;
    cosine = cosine * share, sine = sine * share;
  }
  const Vec<Dim> apart{t.in, 1, t.out, 1};
  return {reshape(cosine, apart), reshape(sine, apart)};
}

// [in * parts, out * 2], or [in * parts, out].
Wire matrix(Formula& f, const Fourier& t, bool is_complex, DType type) {
  const Waves w = waves(f, t);
  const Wire against = -w.sine;
  Vec<Wire> of_real{w.cosine}, of_imaginary{t.inverse ? against : w.sine};
  if (!t.is_half) {
    of_real.push_back(t.inverse ? w.sine : against);
    of_imaginary.push_back(w.cosine);
  }
  Vec<Wire> rows{stacked(of_real, 3)};
  if (is_complex) rows.push_back(stacked(of_imaginary, 3));
  const auto parts = static_cast<int64_t>(rows.size());
  const auto columns = static_cast<int64_t>(of_real.size());
  return cast(reshape(stacked(rows, 1), {t.in * parts, t.out * columns}), type);
}

}  // namespace

Status Fourier::check(const InferCtx& c, int64_t parts) const {
  constexpr int64_t kMostElements = int64_t{1} << 24;
  const auto elements = (in * out * (is_half ? parts : 2 * parts)).constant();
  if (!elements || *elements <= kMostElements) return {};
  return c.error(kUnsupportedForm, "a transform of a length of " + to_text(length),
                 "it is computed as a product with a matrix of up to 2^24 elements");
}

Result<int64_t> parts_of_input(const InferCtx& c) {
  const std::optional<int64_t> parts = c.in(0).shape.back().constant();
  if (!parts) return c.error(kMustBeKnown, "the extent of the last axis is not known");
  if (*parts != 1 && *parts != 2) return c.error(kBadInput, "the last axis has not 1 or 2 parts");
  return *parts;
}

Wire transformed(Wire x, const Fourier& t) {
  Formula& f = *x.formula;
  Vec<Dim> shape = x.shape();
  const DType type = x.dtype(), compute = compute_type(type);
  const Dim parts = shape.back();
  shape.resize(shape.size() - 2);
  const Wire rows = reshape(cast(x, compute), {product(shape), t.in * parts});
  const Wire y = f.make("matmul", {rows, matrix(f, t, parts.is(2), compute)});
  shape.insert(shape.end(), {t.out, t.is_half ? 1 : 2});
  return cast(reshape(y, shape), type);
}

}  // namespace rlx
