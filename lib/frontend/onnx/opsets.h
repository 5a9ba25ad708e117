// Which operator sets of ONNX's own domain are read.
#pragma once
#include "frontend/onnx/proto.h"

namespace rlx::onnx {

inline constexpr int64_t kFirstOpset = 7, kLastOpset = 25;

inline bool is_own_domain(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

// The version of ONNX's own domain; nullopt where it is not imported.
std::optional<int64_t> own_opset(const Vec<OpsetProto>& imports);

Status check_opset(int64_t opset);

}  // namespace rlx::onnx
