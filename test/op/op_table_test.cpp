#include <algorithm>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "ir/op_def.h"
#include "op/elementwise.h"

namespace rlx {
namespace {

// "conv 1: auto_pad, dilations, ...": what cache keys depend on.
std::string line_of(const OpDef& op) {
  std::string line = std::string(op.name) + " " + std::to_string(op.version) + ":";
  Attrs attrs(&op);
  attrs.each([&](std::string_view name, AttrRef) { line += " " + std::string(name); });
  return line;
}

// A change here changes the keys of all models that use the operator.
const Vec<std::string> kGolden = {
    "abs 1:",
    "acos 1:",
    "acosh 1:",
    "add 1:",
    "affine_grid 1: align_corners",
    "and 1:",
    "arg_max 1: axis keepdims select_last_index",
    "arg_min 1: axis keepdims select_last_index",
    "asin 1:",
    "asinh 1:",
    "atan 1:",
    "atanh 1:",
    std::string("attention 1: is_causal kv_num_heads left_window_size q_num_heads ") +
        "qk_matmul_output_mode right_window_size scale softcap softmax_precision",
    "average_pool 1: auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
    "batch_normalization 1: epsilon",
    "bit_shift 1: direction",
    "bitwise_and 1:",
    "bitwise_not 1:",
    "bitwise_or 1:",
    "bitwise_xor 1:",
    "cast 1: to",
    "cast_like 1:",
    "causal_conv1d 1: activation",
    "ceil 1:",
    "celu 1: alpha",
    "clip 1:",
    "col2_im 1: dilations pads strides",
    "compress 1: axis",
    "concat 1: axis",
    "concat_from_sequence 1: axis new_axis",
    "constant_of_shape 1:",
    "conv 1: auto_pad dilations group kernel_shape pads strides",
    "conv_integer 1: auto_pad dilations group kernel_shape pads strides",
    ("conv_transpose 1: auto_pad dilations group kernel_shape output_padding output_shape pads "
     "strides"),
    "cos 1:",
    "cosh 1:",
    "cum_sum 1: exclusive reverse",
    ("decoder_block 1: heads kv_heads head_dim epsilon activation is_causal interleaved "
     "trans_w"),
    "deform_columns 1: dilations kernel_shape offset_group pads strides",
    "deform_conv 1: dilations group kernel_shape offset_group pads strides",
    "depth_to_space 1: blocksize mode",
    "dequantize_linear 1: axis block_size",
    "det 1:",
    "dft 1: inverse onesided",
    "div 1:",
    "dynamic_quantize_linear 1:",
    "einsum 1: equation",
    "elu 1: alpha",
    "embedding 1: scale",
    "equal 1:",
    "erf 1:",
    "exp 1:",
    "expand 1:",
    "flatten 1: axis",
    "floor 1:",
    "gated_delta_net 1: scale",
    "gather 1: axis",
    "gather_elements 1: axis",
    "gather_nd 1: batch_dims",
    "gelu 1: approximate",
    "gemm 1: alpha beta transA transB",
    "global_average_pool 1:",
    "global_lp_pool 1: p",
    "global_max_pool 1:",
    "greater 1:",
    "greater_or_equal 1:",
    "grid_sample 1: align_corners mode padding_mode",
    "hard_sigmoid 1: alpha beta",
    "hard_swish 1:",
    "hardmax 1: axis",
    "identity 1:",
    "if 1:",
    "is_inf 1: detect_negative detect_positive",
    "is_nan 1:",
    "layer_normalization 1: axis epsilon stash_type",
    "leaky_relu 1: alpha",
    "less 1:",
    "less_or_equal 1:",
    "linear 1: activation trans_w",
    "log 1:",
    "log_softmax 1: axis",
    "loop 1:",
    "lp_pool 1: auto_pad ceil_mode dilations kernel_shape p pads strides",
    "matmul 1:",
    "matmul_integer 1:",
    "max 1:",
    "max_pool 1: auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
    "max_unpool 1: kernel_shape pads strides",
    "mean 1:",
    "min 1:",
    "mish 1:",
    "mod 1: fmod",
    "moe 1: top_k activation normalise trans_w",
    "mul 1:",
    "neg 1:",
    "non_max_suppression 1: center_point_box",
    "non_zero 1:",
    "not 1:",
    "one_hot 1: axis",
    "optional 1:",
    "optional_get_element 1:",
    "optional_has_element 1:",
    "or 1:",
    "pad 1: mode",
    "pow 1:",
    "prelu 1:",
    "quantize_linear 1: axis block_size output_dtype",
    "range 1:",
    "reciprocal 1:",
    "reduce_l1 1: keepdims noop_with_empty_axes",
    "reduce_l2 1: keepdims noop_with_empty_axes",
    "reduce_log_sum 1: keepdims noop_with_empty_axes",
    "reduce_log_sum_exp 1: keepdims noop_with_empty_axes",
    "reduce_max 1: keepdims noop_with_empty_axes",
    "reduce_mean 1: keepdims noop_with_empty_axes",
    "reduce_min 1: keepdims noop_with_empty_axes",
    "reduce_prod 1: keepdims noop_with_empty_axes",
    "reduce_sum 1: keepdims noop_with_empty_axes",
    "reduce_sum_square 1: keepdims noop_with_empty_axes",
    "relu 1:",
    "reshape 1: allowzero",
    "residual_rms_norm 1: epsilon",
    std::string("resize 1: antialias axes coordinate_transformation_mode cubic_coeff_a ") +
        "exclude_outside extrapolation_value keep_aspect_ratio_policy mode nearest_mode",
    "reverse_sequence 1: batch_axis time_axis",
    "rms_normalization 1: axis epsilon stash_type",
    ("roi_align 1: coordinate_transformation_mode mode output_height output_width "
     "sampling_ratio spatial_scale"),
    "rotary_embedding 1: interleaved num_heads rotary_embedding_dim",
    "round 1:",
    "scatter_elements 1: axis reduction",
    "scatter_nd 1: reduction",
    "selu 1: alpha gamma",
    "sequence_at 1:",
    "sequence_construct 1:",
    "sequence_erase 1:",
    "sequence_insert 1:",
    "sequence_length 1:",
    "sequence_map 1:",
    "shape 1: start end",
    "shrink 1: bias lambd",
    "sigmoid 1:",
    "sign 1:",
    "sin 1:",
    "sinh 1:",
    "size 1:",
    "slice 1:",
    "softmax 1: axis",
    "softplus 1:",
    "softsign 1:",
    "space_to_depth 1: blocksize",
    "split 1: axis num_outputs",
    "split_to_sequence 1: axis keepdims",
    "sqrt 1:",
    "squeeze 1:",
    "stft 1: onesided",
    "sub 1:",
    "sum 1:",
    "swiglu 1: activation trans_w",
    "tan 1:",
    "tanh 1:",
    "tell 1: above below",
    "tensor_scatter 1: axis mode",
    ("tf_idf_vectorizer 1: max_gram_length max_skip_count min_gram_length mode ngram_counts "
     "ngram_indexes pool_int64s pool_strings weights"),
    "thresholded_relu 1: alpha",
    "tile 1:",
    "top_k 1: axis largest sorted",
    "transpose 1: perm",
    "trilu 1: upper",
    "unique 1: axis sorted",
    "unsqueeze 1:",
    "where 1:",
    "xor 1:",
};

// Whether test/op/<name>.mir has a node of the operator.
bool has_text_test(const OpDef& op) {
  const std::string name(op.name);
  std::stringstream text;
  text << std::ifstream(RLX_TEST_SOURCE_DIR "/op/" + name + ".mir").rdbuf();
  return text.str().find("= " + name + "(") != std::string::npos;
}

}  // namespace

TEST_CASE("names, versions and attributes of operators are pinned") {
  Vec<std::string> lines;
  for (const OpDef* op : all_ops()) lines.push_back(line_of(*op));
  CHECK(lines == kGolden);
}

TEST_CASE("operators are found by name") {
  for (const OpDef* op : all_ops()) CHECK(find_op(op->name) == op);
  CHECK(find_op("") == nullptr);
  CHECK(find_op("zzz") == nullptr);
}

TEST_CASE("operators are sorted, no two share a name") {
  const Vec<const OpDef*>& ops = all_ops();
  auto not_below = [](const OpDef* a, const OpDef* b) { return a->name >= b->name; };
  CHECK(std::adjacent_find(ops.begin(), ops.end(), not_below) == ops.end());
}

TEST_CASE("every operator has a text test of its name") {
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK(has_text_test(*op));
  }
}

TEST_CASE("rows are sorted") {
  const auto not_below = [](const auto& a, const auto& b) { return a.name >= b.name; };
  const auto elementwise = elementwise_rows();
  CHECK(std::adjacent_find(elementwise.begin(), elementwise.end(), not_below) == elementwise.end());
}

TEST_CASE("every operator lowers, expands, tells or owns regions, and says what it takes") {
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK((op->lower != nullptr) + (op->expand != nullptr) + (op->on_lists != nullptr) +
              (op->regions > 0) + static_cast<int>(op->tells) ==
          1);
    CHECK(op->infer != nullptr);
    CHECK(op->dtypes.bits != 0);
    CHECK(op->arity.in + op->arity.optional > 0);
  }
}

}  // namespace rlx
