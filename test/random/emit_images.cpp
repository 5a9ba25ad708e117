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

// ---- Sampling ---------------------------------------------------------------------------------

using Attributes = Vec<std::pair<std::string, Setting>>;

bool is_image(const Generator& g, int v) {
  const Value& x = g.at(v);
  return x.shape.size() == 4 && x.dtype == DType::kF32;
}

// Weights of a cubic add up to less than 2 an axis; a place rounds as the axes are long.
Generator::Result between(const Value& x, Vec<Dim> shape) {
  Generator::Result r{x.dtype, std::move(shape), 4 * x.big, 4 * x.error};
  r.error += 4096 * Generator::unit(x.dtype) * x.big;
  return r;
}

Made sampled_at(Generator& g, int v, int grid, const Vec<Dim>& places) {
  const Value x = g.at(v);
  if (!g.need(x.shape[2], 1) || !g.need(x.shape[3], 1)) return std::nullopt;
  Vec<Dim> shape{x.shape[0], x.shape[1]};
  shape.insert(shape.end(), places.begin(), places.end());
  // Between two elements the nearest one is a step.
  const Attributes a = {
      {"mode", g.random.pick<std::string>({"linear", "cubic"})},
      {"padding_mode", g.random.pick<std::string>({"zeros", "border", "reflection"})},
      {"align_corners", static_cast<int64_t>(g.random.below(2))}};
  return g.node("GridSample", {v, grid}, between(x, std::move(shape)), a);
}

Made grid_sample(Generator& g, int v) {
  if (!is_image(g, v)) return std::nullopt;
  const Vec<Dim> places{g.extent(), g.extent()};
  const int grid = g.fresh(DType::kF32, {g.at(v).shape[0], places[0], places[1], 2}, 1.3);
  return sampled_at(g, v, grid, places);
}

Made affine_grid(Generator& g, int v) {
  if (!is_image(g, v)) return std::nullopt;
  const Vec<Dim> shape = g.at(v).shape;
  const Made size = g.extents(shape);
  if (!size) return size;
  const int theta = g.fresh(DType::kF32, {shape[0], 2, 3}, 0.6);
  const Generator::Result r{DType::kF32, {shape[0], shape[2], shape[3], 2}, 2, 1e-6};
  const Made grid = g.node("AffineGrid", {theta, *size}, r);
  if (!grid) return grid;
  return sampled_at(g, v, *grid, {shape[2], shape[3]});
}

Made roi_align(Generator& g, int v) {
  if (!is_image(g, v)) return std::nullopt;
  const Value x = g.at(v);
  if (!g.need(x.shape[0], 1) || !g.need(x.shape[2], 1) || !g.need(x.shape[3], 1)) {
    return std::nullopt;
  }
  const Dim count = g.extent();
  if (g.m.is_open(count)) return std::nullopt;
  const int regions = g.fresh(DType::kF32, {count, 4}, 6);
  const int images =
      g.constant(DType::kI64, {count}, {.kind = Fill::Kind::kWhole, .lo = 0, .hi = 0});
  const int64_t height = g.random.between(1, 4), width = g.random.between(1, 4);
  Generator::Result r = between(x, {count, x.shape[1], height, width});
  return g.node("RoiAlign", {v, regions, images}, std::move(r),
                {{"output_height", height},
                 {"output_width", width},
                 {"sampling_ratio", g.random.between(1, 3)}});
}

Made deform_conv(Generator& g, int v) {
  if (!is_image(g, v)) return std::nullopt;
  const Value x = g.at(v);
  const Dim channels = x.shape[1];
  if (!g.closed({channels}) || !g.need(channels, 1) || !g.need(x.shape[2], 2) ||
      !g.need(x.shape[3], 2)) {
    return std::nullopt;
  }
  const Dim height = x.shape[2] - 1, width = x.shape[3] - 1;
  const int offsets = g.fresh(DType::kF32, {x.shape[0], 8, height, width}, 2);
  const int weights = g.fresh(DType::kF32, {3, channels, 2, 2}, 1);
  Generator::Result r = between(x, {x.shape[0], 3, height, width});
  const auto n = static_cast<double>(4 * g.number(channels));
  r.big *= n, r.error = n * r.error + n * n * Generator::unit(x.dtype) * x.big;
  return g.node("DeformConv", {v, weights, offsets}, std::move(r));
}

// ---- Elements put elsewhere -------------------------------------------------------------------

// A sum of all windows, each one of all channels.
Made col2_im(Generator& g, int v) {
  const Value x = g.at(v);
  if (x.shape.size() != 3 || x.dtype != DType::kF32 || !g.closed({x.shape[1], x.shape[2]})) {
    return std::nullopt;
  }
  const int64_t window = g.number(x.shape[1]), places = g.number(x.shape[2]);
  if (window < 1 || places < 1) return std::nullopt;
  const auto n = static_cast<double>(window);
  Generator::Result r{x.dtype, {x.shape[0], 1, places + window - 1}, n * x.big, n * x.error};
  r.error += n * n * Generator::unit(x.dtype) * x.big;
  const int image = g.integers({places + window - 1}), block = g.integers({window});
  return g.node("Col2Im", {v, image, block}, std::move(r));
}

// Of the maxima of windows that do not overlap.
Made max_unpool(Generator& g, int v) {
  const Value x = g.at(v);
  if (!is_image(g, v) || !x.exact || !g.closed({x.shape[2], x.shape[3]})) return std::nullopt;
  const int64_t height = g.number(x.shape[2]) / 2, width = g.number(x.shape[3]) / 2;
  const bool is_whole = x.shape[2].is(2 * height) && x.shape[3].is(2 * width);
  if (!is_whole || height < 1 || width < 1) return std::nullopt;
  const Attributes windows = {{"kernel_shape", Vec<int64_t>{2, 2}},
                              {"strides", Vec<int64_t>{2, 2}}};
  Generator::Result r{x.dtype, {x.shape[0], x.shape[1], height, width}, x.big, x.error, x.exact,
                      x.whole};
  const Generator::Result places{DType::kI64, r.shape, 1e5};
  const Vec<int> pooled = g.nodes("MaxPool", {v}, {r, places}, windows);
  if (pooled.empty()) return std::nullopt;
  r.shape[2] = 2 * height, r.shape[3] = 2 * width;
  return g.node("MaxUnpool", pooled, std::move(r), windows);
}

}  // namespace

Vec<Emitter> image_emitters() {
  return {{"resize", "resize", Family::kOther, resize},
          {"grid_sample", "sampling", Family::kOther, grid_sample},
          {"affine_grid", "sampling", Family::kOther, affine_grid},
          {"roi_align", "sampling", Family::kOther, roi_align},
          {"deform_conv", "sampling", Family::kOther, deform_conv},
          {"col2_im", "", Family::kOther, col2_im},
          {"max_unpool", "pool", Family::kOther, max_unpool}};
}

}  // namespace rlx::random
