#include "frontend/onnx/opsets.h"

#include <fmt/format.h>

#include "frontend/codes.h"

namespace rlx::onnx {

std::optional<int64_t> own_opset(const Vec<OpsetProto>& imports) {
  for (const OpsetProto& opset : imports) {
    if (is_own_domain(opset.domain)) return opset.version;
  }
  return std::nullopt;
}

Status check_opset(int64_t opset) {
  if (opset >= kFirstOpset && opset <= kLastOpset) return {};
  return Error(Diagnostic{
      .code = kUnsupportedFormat,
      .message = fmt::format("operator set {} is not supported", opset),
      .opset = opset,
      .hint = fmt::format(
          "convert the model to a set from {} to {}, for example with onnx.version_converter",
          kFirstOpset, kLastOpset)});
}

}  // namespace rlx::onnx
