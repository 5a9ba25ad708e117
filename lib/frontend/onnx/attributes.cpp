#include "frontend/onnx/attributes.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "frontend/codes.h"

namespace rlx::onnx {
namespace {

using A = AttributeProto;

Vec<std::string> texts(const Vec<std::string_view>& views) { return {views.begin(), views.end()}; }

bool set(int64_t& to, const A& a) { return a.type == A::kInt && (to = a.i, true); }
bool set(float& to, const A& a) { return a.type == A::kFloat && (to = a.f, true); }
bool set(bool& to, const A& a) { return a.type == A::kInt && (to = a.i != 0, true); }
bool set(std::string& to, const A& a) { return a.type == A::kString && (to = a.s, true); }
bool set(Vec<int64_t>& to, const A& a) { return a.type == A::kInts && (to = a.ints, true); }
bool set(Vec<float>& to, const A& a) { return a.type == A::kFloats && (to = a.floats, true); }
bool set(Vec<std::string>& to, const A& a) {
  return a.type == A::kStrings && (to = texts(a.strings), true);
}
bool set(std::optional<int64_t>& to, const A& a) { return set(to.emplace(), a); }
bool set(std::optional<float>& to, const A& a) { return set(to.emplace(), a); }
// The caller knows that there is such a type.
bool set(DType& to, const A& a) { return a.type == A::kInt && (to = *dtype_of(a.i), true); }

std::string value_text(const A& a) {
  switch (a.type) {
    case A::kFloat: return fmt::format("{}", a.f);
    case A::kInt: return fmt::format("{}", a.i);
    case A::kString: return fmt::format("\"{}\"", a.s);
    case A::kFloats: return fmt::format("[{}]", fmt::join(a.floats, ", "));
    case A::kInts: return fmt::format("[{}]", fmt::join(a.ints, ", "));
    case A::kStrings: return fmt::format("[{}]", fmt::join(a.strings, ", "));
    case A::kTensor: return "a tensor";
    case A::kGraph: return "a graph";
    default: return fmt::format("of type {}", a.type);
  }
}

// Attributes that operators here lack, at the values that ask for nothing.
struct Harmless {
  std::string_view name;
  std::string_view value;
};

constexpr std::array<Harmless, 14> kHarmless{{
    {"auto_pad", "\"NOTSET\""},
    {"block_size", "0"},
    {"ceil_mode", "0"},
    {"count_include_pad", "0"},
    {"layout", "0"},
    {"output_dtype", "0"},
    {"precision", "0"},
    {"round_mode", "\"up\""},
    {"saturate", "1"},
    {"select_last_index", "0"},
    {"spatial", "1"},
    {"stash_type", "1"},
    {"storage_order", "0"},
    {"training_mode", "0"},
}};

bool is_harmless(const A& a) {
  return std::ranges::any_of(
      kHarmless, [&](const Harmless& h) { return h.name == a.name && h.value == value_text(a); });
}

std::optional<AttrRef> find(Attrs& attrs, std::string_view name) {
  std::optional<AttrRef> found;
  attrs.each([&](std::string_view n, AttrRef ref) {
    if (n == name) found = ref;
  });
  return found;
}

Error unsupported(const Call& call, const A& a) {
  return call.error(kUnsupportedAttribute,
                    fmt::format("attribute {} = {} is not supported", a.name, value_text(a)));
}

Status assign(const Call& call, const A& a, Attrs& attrs) {
  auto to = find(attrs, a.name);
  if (!to) {
    return is_harmless(a) ? Status() : unsupported(call, a);
  }
  if (std::holds_alternative<DType*>(*to) && a.type == A::kInt && !dtype_of(a.i)) {
    return call.error(kUnsupportedType,
                      fmt::format("attribute {} names type {}, which is not supported", a.name,
                                  onnx_type_name(a.i)));
  }
  if (std::visit([&](auto* member) { return set(*member, a); }, *to)) return {};
  return call.error(kInvalidModel,
                    fmt::format("attribute {} = {} is of the wrong type", a.name, value_text(a)));
}

}  // namespace

Vec<Diagnostic> assign(const Call& call, Attrs& attrs) {
  Vec<Diagnostic> problems;
  for (const A& a : call.attributes) {
    // Regions are no attributes here.
    if (a.type == A::kGraph) continue;
    if (auto status = assign(call, a, attrs); !status) problems.push_back(status.error().first());
  }
  return problems;
}

Vec<Diagnostic> check_taken(const Call& call) {
  Vec<Diagnostic> problems;
  for (const A& a : call.attributes) {
    if (!is_harmless(a)) problems.push_back(unsupported(call, a).first());
  }
  return problems;
}

}  // namespace rlx::onnx
