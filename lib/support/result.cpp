#include "support/result.h"

#include <fmt/format.h>

namespace rlx {
namespace {

// " [node /enc/0, Einsum, opset 17]", or nothing where no node is to blame.
std::string place_of(const Diagnostic& d) {
  Vec<std::string> parts;
  if (!d.node.empty()) parts.push_back("node " + d.node);
  if (!d.op.empty()) parts.push_back(d.op);
  if (d.opset != 0) parts.push_back(fmt::format("opset {}", d.opset));
  return parts.empty() ? std::string() : fmt::format(" [{}]", fmt::join(parts, ", "));
}

}  // namespace

std::string to_text(const Diagnostic& d) {
  std::string text = fmt::format("error RLX-E{}: {}{}", d.code, d.message, place_of(d));
  if (!d.shapes.empty()) text += fmt::format(" ({})", fmt::join(d.shapes, ", "));
  if (!d.hint.empty()) text += "; hint: " + d.hint;
  return text;
}

std::string to_text(const Error& e) {
  std::string text;
  for (const Diagnostic& d : e.items) text += to_text(d) + '\n';
  return text;
}

}  // namespace rlx
