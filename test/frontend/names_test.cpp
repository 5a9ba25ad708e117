#include "frontend/onnx/names.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

TEST_CASE("operators' names in rlx's spelling") {
  for (auto [onnx, ours] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"Relu", "relu"},
           {"LayerNormalization", "layer_normalization"},
           {"RMSNormalization", "rms_normalization"},
           {"GatherND", "gather_nd"},
           {"MatMul", "matmul"},
           {"IsNaN", "is_nan"},
           {"PRelu", "prelu"},
           {"ReduceL1", "reduce_l1"},
           {"ReduceLogSumExp", "reduce_log_sum_exp"},
           {"LSTM", "lstm"},
           {"TopK", "top_k"},
           {"QLinearConv", "q_linear_conv"},
           {"", ""},
       }) {
    CHECK(onnx::rlx_name(onnx) == ours);
  }
}

}  // namespace
}  // namespace rlx
