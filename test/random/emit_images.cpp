// What interpolates between the elements of an image.
#include "test/random/generate.h"

namespace rlx::random {
namespace {

// Sizes of the last axes that are numbers: those that are open stay.
Vec<Dim> other_sizes(Generator& g, const Vec<Dim>& shape) {
  Vec<Dim> sizes = shape;
  for (size_t i = shape.size() > 2 ? shape.size() - 2 : 0; i < shape.size(); ++i) {
    const int64_t n = g.number(shape[i]);
    if (!g.m.is_open(shape[i]) && n > 0 && g.random.percent(70)) {
      sizes[i] = g.random.between(1, 2 * n + 1);
    }
  }
  return sizes;
}

// Interpolated as far as onnxruntime does that: images of floats.
Made resize(Generator& g, int v) {
  const Value x = g.at(v);
  const size_t rank = x.shape.size();
  if (rank == 0 || (x.dtype != DType::kF32 && x.dtype != DType::kI32)) return std::nullopt;
  const bool image = rank == 4 && x.dtype == DType::kF32;
  const std::string mode =
      image ? g.random.pick<std::string>({"nearest", "linear", "cubic"}) : "nearest";
  Generator::Result r{x.dtype, other_sizes(g, x.shape), x.big, x.error, x.exact, x.whole};
  const Made sizes = g.extents(r.shape);
  if (!sizes) return sizes;
  Vec<std::pair<std::string, Setting>> attributes = {
      {"mode", mode},
      {"coordinate_transformation_mode",
       g.random.pick<std::string>(
           {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"})}};
  if (mode == "nearest") {
    attributes.emplace_back(
        "nearest_mode",
        g.random.pick<std::string>({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}));
  } else {
    // Weights of a cubic add up to less than 2 an axis, whatever their signs.
    r.big = 4 * x.big;
    r.error = 4 * x.error + 256 * Generator::unit(x.dtype) * x.big;
    r.exact = r.whole = false;
  }
  return g.node("Resize", {v, -1, -1, *sizes}, std::move(r), std::move(attributes));
}

}  // namespace

Vec<Emitter> image_emitters() { return {{"resize", "resize", Family::kOther, resize}}; }

}  // namespace rlx::random
