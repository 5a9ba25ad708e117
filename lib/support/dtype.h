// Element types. Names are those of the text forms and of numpy where it has them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace rlx {

enum class DType : uint8_t {
  kBool,
  kI4,
  kI8,
  kI16,
  kI32,
  kI64,
  kU4,
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

// What follows stands in one table, in dtype.cpp.

// All of them, in order.
std::span<const DType> all_dtypes();
// "f32", "i64", "bool": in texts, and in files but for images (image/codec.h).
std::string_view name(DType t);
std::optional<DType> dtype_named(std::string_view name);

// Of one element in memory; 0 for strings, which have no fixed size.
int bits_of(DType t);
// What so many elements take, the last byte whole.
int64_t bytes_of(DType t, int64_t count);
// What one element takes, which has its bytes for itself.
int64_t size_of(DType t);
// Whether elements in memory share bytes (support/sub_byte.h). Constants have such types, which are cast to others
// where they are read; nothing is computed or written in them.
bool is_sub_byte(DType t);
// Without the sign.
int value_bits(DType t);

bool is_float(DType t);
// Integers of either sign; no bools.
bool is_integer(DType t);
bool is_signed(DType t);
bool is_unsigned(DType t);
// The least positive float of a type that has all of its digits.
double least_normal(DType t);
// What elements of the type compute in: floats of 16 bits in f32.
DType compute_type(DType t);

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
inline constexpr DTypes kSubByteInts = only(DType::kI4) | only(DType::kU4);
inline constexpr DTypes kInts = kSignedInts | kUnsignedInts;
inline constexpr DTypes kNumbers = kFloats | kInts;
inline constexpr DTypes kBools = only(DType::kBool);
inline constexpr DTypes kAnyDType = kNumbers | kBools;

}  // namespace rlx
