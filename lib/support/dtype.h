// Element types. Names are those of the text forms and of numpy where it has them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace rlx {

enum class DType : uint8_t {
  kBool,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kF16,
  kBF16,
  kF32,
  kF64,
  kString
};

inline constexpr int kDTypeCount = 14;

// "f32", "i64", "bool".
std::string_view name(DType t);
std::optional<DType> dtype_named(std::string_view name);

// Bytes of one element in memory; 0 for strings, which have no fixed size.
int64_t size_of(DType t);

constexpr bool is_float(DType t) { return t >= DType::kF16 && t <= DType::kF64; }
// The least positive float of a type that has all of its digits.
constexpr double least_normal(DType t) {
  if (t == DType::kF16) return 0x1p-14;
  return t == DType::kF64 ? 0x1p-1022 : 0x1p-126;
}
constexpr bool is_integer(DType t) { return t >= DType::kI8 && t <= DType::kU64; }
constexpr bool is_signed(DType t) { return t >= DType::kI8 && t <= DType::kI64; }
constexpr bool is_unsigned(DType t) { return t >= DType::kU8 && t <= DType::kU64; }

// A set of element types, one bit each.
struct DTypes {
  uint32_t bits = 0;

  constexpr bool has(DType t) const { return (bits >> static_cast<int>(t)) & 1; }
  friend constexpr DTypes operator|(DTypes a, DTypes b) { return {a.bits | b.bits}; }
};

constexpr DTypes only(DType t) { return {1U << static_cast<int>(t)}; }

inline constexpr DTypes kFloats =
    only(DType::kF16) | only(DType::kBF16) | only(DType::kF32) | only(DType::kF64);
inline constexpr DTypes kSignedInts =
    only(DType::kI8) | only(DType::kI16) | only(DType::kI32) | only(DType::kI64);
inline constexpr DTypes kUnsignedInts =
    only(DType::kU8) | only(DType::kU16) | only(DType::kU32) | only(DType::kU64);
inline constexpr DTypes kInts = kSignedInts | kUnsignedInts;
inline constexpr DTypes kNumbers = kFloats | kInts;
inline constexpr DTypes kBools = only(DType::kBool);
inline constexpr DTypes kAnyDType = kNumbers | kBools;

}  // namespace rlx
