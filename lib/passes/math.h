// How far a result may be from the model's own operations, each rounded as its element type says.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace rlx {

// Each level allows what those before it do. docs/numerics.md lists what is not exact, with bounds.
enum class Math : uint8_t {
  // The same bits as the model's operations, one by one.
  kExact,
  // Rounds otherwise, within a stated bound; moves no factor across a sum of run-time values, and
  // neither makes nor hides an infinity, a subnormal or a zero in a constant.
  kDefault,
  // Moves factors across sums: what overflows then may be another thing than in the model.
  kFast,
};

// "exact", "default", "fast".
std::string_view name(Math m);
std::optional<Math> math_named(std::string_view name);

}  // namespace rlx
