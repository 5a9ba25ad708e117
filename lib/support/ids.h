// Typed 32-bit indexes: a ValueId cannot be used where a NodeId is meant.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>

namespace rlx {

template <class Tag>
struct Id {
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t index = kNone;

  constexpr Id() = default;
  constexpr explicit Id(size_t i) : index(static_cast<uint32_t>(i)) {}
  constexpr bool valid() const { return index != kNone; }
  auto operator<=>(const Id&) const = default;
};

using ValueId = Id<struct ValueTag>;
using NodeId = Id<struct NodeTag>;
using RegionId = Id<struct RegionTag>;
using ConstantId = Id<struct ConstantTag>;
using LoopId = Id<struct LoopTag>;
using LocalId = Id<struct LocalTag>;
using ExprId = Id<struct ExprTag>;
using StateId = Id<struct StateTag>;

}  // namespace rlx
