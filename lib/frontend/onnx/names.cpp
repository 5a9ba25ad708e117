#include "frontend/onnx/names.h"

#include <array>
#include <utility>

namespace rlx::onnx {
namespace {

// Where the rule of rlx_name would cut a word in two.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kExceptions{{
    {"IsNaN", "is_nan"},
    {"MatMul", "matmul"},
    {"MatMulInteger", "matmul_integer"},
    {"PRelu", "prelu"},
    {"QLinearMatMul", "q_linear_matmul"},
}};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

// A word begins after a small letter or digit, and with the last capital of several.
bool begins_word(std::string_view name, size_t i) {
  if (i == 0 || !is_upper(name[i])) return false;
  return !is_upper(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1]));
}

}  // namespace

std::string rlx_name(std::string_view op_type) {
  for (auto [onnx, ours] : kExceptions) {
    if (onnx == op_type) return std::string(ours);
  }
  std::string name;
  for (size_t i = 0; i < op_type.size(); ++i) {
    if (begins_word(op_type, i)) name += '_';
    name += is_upper(op_type[i]) ? static_cast<char>(op_type[i] - 'A' + 'a') : op_type[i];
  }
  return name;
}

}  // namespace rlx::onnx
