#include "frontend/onnx/contrib.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/fused.h"
#include "op/dequantize_linear.h"
#include "support/sub_byte.h"

namespace rlx::onnx {
namespace {

Result<int64_t> take_integer(Call& c, std::string_view name) {
  const std::optional<AttributeProto> a = c.take(name);
  if (!a || a->type != AttributeProto::kInt || a->i < 1) {
    return c.error(kInvalidModel, fmt::format("{} is no positive integer", name));
  }
  return a->i;
}

// The constant behind an input, which has so many elements of that type; as a tensor of another shape.
Result<Constant> constant_input(const Call& c, size_t i, std::optional<DType> type,
                                Vec<int64_t> shape, int64_t elements) {
  const Constant* found = c.has_input(i) ? c.graph().constant_of(c.inputs[i]) : nullptr;
  if (!found) {
    return c.error(kUnsupportedAttribute, fmt::format("input {} is no constant", i),
                   "quantise the model with its weights inside");
  }
  if ((type && found->dtype != *type) || found->elements() != elements) {
    return c.error(kUnsupportedAttribute,
                   fmt::format("input {} has another element type or size than is supported", i));
  }
  Constant out = *found;
  out.shape = std::move(shape);
  return out;
}

// Rows of 4-bit numbers begin in bytes of their own in the file.
Constant without_row_padding(const Constant& rows, int64_t height, int64_t width) {
  std::string bytes(static_cast<size_t>(bytes_of(DType::kU4, height * width)), '\0');
  const int64_t stride = (width + 1) / 2 * 2;
  for (int64_t i = 0; i < height * width; ++i) {
    const int64_t from = i / width * stride + i % width;
    set_sub_byte(reinterpret_cast<std::byte*>(bytes.data()), i,
                 sub_byte_at(DType::kU4, rows.data.bytes().data(), from));
  }
  return make_constant(DType::kU4, {height, width}, std::move(bytes));
}

struct Blocks {
  // Of the product, and of the depth.
  int64_t columns = 0, depth = 0, size = 0;

  int64_t count() const { return depth / size; }
};

Result<Blocks> take_blocks(Call& c) {
  RLX_TRY(const int64_t depth, take_integer(c, "K"));
  RLX_TRY(const int64_t columns, take_integer(c, "N"));
  RLX_TRY(const int64_t size, take_integer(c, "block_size"));
  const std::optional<AttributeProto> bits = c.take("bits");
  // How exact sums have to be; they are f32's.
  c.take("accuracy_level");
  const bool supported = (!bits || bits->i == 4) && depth % size == 0 && size % 2 == 0 &&
                         columns <= kMostBytes / depth && c.has_input(0) && !c.has_input(4);
  if (!supported) {
    return c.error(kUnsupportedAttribute,
                   "only whole blocks of 4-bit weights in their own order are supported",
                   "quantise with 4 bits, a block size that divides K, and no g_idx");
  }
  return Blocks{columns, depth, size};
}

Result<ValueId> zero_points(Call& c, const Blocks& b) {
  if (!c.has_input(3)) return c.add_constant(make_constant(DType::kU4, {}, "\x08"));
  const int64_t bytes = b.columns * ((b.count() + 1) / 2);
  RLX_TRY(const Constant packed, constant_input(c, 3, DType::kU8, {bytes}, bytes));
  return c.add_constant(without_row_padding(packed, b.columns, b.count()));
}

// A times the transpose of B, whose rows are the columns of the product, plus a bias.
Status convert_mat_mul_n_bits(Call& c) {
  RLX_TRY(const Blocks b, take_blocks(c));
  const int64_t bytes = b.columns * (b.depth / 2);
  RLX_TRY(Constant weights, constant_input(c, 1, DType::kU8, {b.columns, b.depth}, bytes));
  weights.dtype = DType::kU4;
  RLX_TRY(Constant scales,
          constant_input(c, 2, std::nullopt, {b.columns, b.count()}, b.columns * b.count()));
  RLX_TRY(const ValueId zero, zero_points(c, b));
  const ValueId x = c.add_constant(std::move(weights));
  const ValueId scale = c.add_constant(std::move(scales));
  const ops::DequantizeLinear dequantize{.axis = 1, .block_size = b.size};
  const ValueId rows = c.add_node(attrs(dequantize), {x, scale, zero});
  const ValueId columns = c.add_node("transpose", {rows});
  ValueId y = c.add_node("matmul", {c.inputs[0], columns});
  if (c.has_input(5)) y = c.add_node("add", {y, c.inputs[5]});
  c.results = {y};
  return {};
}

struct ContribConversion {
  std::string_view op_type;
  Status (*convert)(Call&);
};

constexpr ContribConversion kContribConversions[] = {
    {"BiasGelu", convert_gelu},
    {"FastGelu", convert_fast_gelu},
    {"FusedConv", convert_fused_conv},
    {"FusedGemm", convert_fused_gemm},
    {"FusedMatMul", convert_fused_matmul},
    {"Gelu", convert_gelu},
    {"MatMulNBits", convert_mat_mul_n_bits},
    {"QuickGelu", convert_quick_gelu},
    {"SkipLayerNormalization", convert_skip_normalization},
    {"SkipSimplifiedLayerNormalization", convert_skip_simplified_normalization},
};

}  // namespace

Result<bool> convert_contrib(Call& call) {
  auto it = std::ranges::find(kContribConversions, call.op_type, &ContribConversion::op_type);
  if (it == std::end(kContribConversions)) return false;
  RLX_TRY_VOID(it->convert(call));
  return true;
}

}  // namespace rlx::onnx
