// The C++ types of elements, and conversion between them as Fn::kCast defines it.
#pragma once
#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

#include "kernel/half.h"
#include "support/dtype.h"
#include "support/result.h"

namespace rlx {

struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};

// Calls f.operator()<T>() with the type of a dtype's elements, each by itself; strings have none.
template <class F>
decltype(auto) with_type(DType t, F&& f) {
  switch (t) {
    case DType::kBool: return f.template operator()<bool>();
    case DType::kI4:
    case DType::kI8: return f.template operator()<int8_t>();
    case DType::kI16: return f.template operator()<int16_t>();
    case DType::kI32: return f.template operator()<int32_t>();
    case DType::kI64: return f.template operator()<int64_t>();
    case DType::kU4:
    case DType::kU8: return f.template operator()<uint8_t>();
    case DType::kU16: return f.template operator()<uint16_t>();
    case DType::kU32: return f.template operator()<uint32_t>();
    case DType::kU64: return f.template operator()<uint64_t>();
    case DType::kF16: return f.template operator()<F16>();
    case DType::kBF16: return f.template operator()<BF16>();
    case DType::kF32: return f.template operator()<float>();
    case DType::kF64: return f.template operator()<double>();
    case DType::kString: break;
  }
  RLX_CHECK(false, "strings have no elements of a fixed size");
  return f.template operator()<bool>();
}

// Calls f.operator()<T>() with an unsigned integer of the elements' size, for copying them.
template <class F>
decltype(auto) with_bits(DType t, F&& f) {
  switch (size_of(t)) {
    case 1: return f.template operator()<uint8_t>();
    case 2: return f.template operator()<uint16_t>();
    case 4: return f.template operator()<uint32_t>();
    case 8: return f.template operator()<uint64_t>();
  }
  RLX_CHECK(false, "strings have no elements of a fixed size");
  return f.template operator()<uint8_t>();
}

template <std::integral To, std::floating_point From>
To saturated(From value) {
  // 2^digits, the first value above the range, is exact.
  constexpr From kEnd =
      From{2} * static_cast<From>(uint64_t{1} << (std::numeric_limits<To>::digits - 1));
  constexpr From kLowest = std::is_signed_v<To> ? -kEnd : From{0};
  if (std::isnan(value)) return 0;
  if (value >= kEnd) return std::numeric_limits<To>::max();
  return value <= kLowest ? std::numeric_limits<To>::min() : static_cast<To>(value);
}

// 16-bit floats go through f32; floats become integers truncated and saturated, NaN becomes 0;
// integers wrap; a bool is 0 or 1, and all but 0 becomes true.
template <class To, class From>
To convert(From value) {
  if constexpr (std::same_as<To, From>) {
    return value;
  } else if constexpr (std::same_as<From, F16>) {
    return convert<To>(from_f16(value.bits));
  } else if constexpr (std::same_as<From, BF16>) {
    return convert<To>(from_bf16(value.bits));
  } else if constexpr (std::same_as<To, F16>) {
    return {to_f16(convert<float>(value))};
  } else if constexpr (std::same_as<To, BF16>) {
    return {to_bf16(convert<float>(value))};
  } else if constexpr (std::same_as<To, bool>) {
    return value != 0;
  } else if constexpr (std::integral<To> && std::floating_point<From>) {
    return saturated<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace rlx
