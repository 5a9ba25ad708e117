#include "support/dtype.h"

#include <array>

namespace rlx {
namespace {

enum class Class : uint8_t { kBool, kInteger, kFloat, kText };

// All that is known of an element type.
struct Row {
  DType type;
  std::string_view name;
  Class of;
  // Of an element in memory; 0: no fixed size.
  int bits;
  bool is_signed = false;
  // The least positive float that has all of its digits.
  double least_normal = 0;
};

// In the order of DType.
constexpr std::array kRows{
    Row{DType::kBool, "bool", Class::kBool, 8},
    Row{DType::kI4, "i4", Class::kInteger, 4, true},
    Row{DType::kI8, "i8", Class::kInteger, 8, true},
    Row{DType::kI16, "i16", Class::kInteger, 16, true},
    Row{DType::kI32, "i32", Class::kInteger, 32, true},
    Row{DType::kI64, "i64", Class::kInteger, 64, true},
    Row{DType::kU4, "u4", Class::kInteger, 4},
    Row{DType::kU8, "u8", Class::kInteger, 8},
    Row{DType::kU16, "u16", Class::kInteger, 16},
    Row{DType::kU32, "u32", Class::kInteger, 32},
    Row{DType::kU64, "u64", Class::kInteger, 64},
    Row{DType::kF16, "f16", Class::kFloat, 16, true, 0x1p-14},
    Row{DType::kBF16, "bf16", Class::kFloat, 16, true, 0x1p-126},
    Row{DType::kF32, "f32", Class::kFloat, 32, true, 0x1p-126},
    Row{DType::kF64, "f64", Class::kFloat, 64, true, 0x1p-1022},
    Row{DType::kString, "string", Class::kText, 0},
};

constexpr bool is_in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].type) != i) return false;
  }
  return true;
}
static_assert(is_in_order(), "the rows are in the order of DType");

constexpr DTypes all_that(bool (*are)(const Row&)) {
  DTypes types;
  for (const Row& row : kRows) {
    if (are(row)) types = types | only(row.type);
  }
  return types;
}
constexpr bool same(DTypes a, DTypes b) { return a.bits == b.bits; }
constexpr bool shares_bytes(const Row& r) { return r.bits % 8 != 0; }
static_assert(same(kFloats, all_that([](const Row& r) { return r.of == Class::kFloat; })));
static_assert(same(kBools, all_that([](const Row& r) { return r.of == Class::kBool; })));
static_assert(same(kSignedInts, all_that([](const Row& r) {
                     return r.of == Class::kInteger && r.is_signed && !shares_bytes(r);
                   })));
static_assert(same(kUnsignedInts, all_that([](const Row& r) {
                     return r.of == Class::kInteger && !r.is_signed && !shares_bytes(r);
                   })));
static_assert(same(kSubByteInts, all_that(shares_bytes)));

const Row& row_of(DType t) { return kRows[static_cast<size_t>(t)]; }

constexpr auto kAll = [] {
  std::array<DType, kRows.size()> all{};
  for (size_t i = 0; i < all.size(); ++i) all[i] = kRows[i].type;
  return all;
}();

}  // namespace

std::span<const DType> all_dtypes() { return kAll; }

std::string_view name(DType t) { return row_of(t).name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

int bits_of(DType t) { return row_of(t).bits; }

// In two parts, so that nothing overflows that fits.
int64_t bytes_of(DType t, int64_t count) {
  const int64_t bits = bits_of(t);
  return count / 8 * bits + (count % 8 * bits + 7) / 8;
}

int64_t size_of(DType t) { return bytes_of(t, 1); }
bool is_sub_byte(DType t) { return shares_bytes(row_of(t)); }

bool is_float(DType t) { return row_of(t).of == Class::kFloat; }
bool is_integer(DType t) { return row_of(t).of == Class::kInteger; }
bool is_signed(DType t) { return is_integer(t) && row_of(t).is_signed; }
bool is_unsigned(DType t) { return is_integer(t) && !row_of(t).is_signed; }
int value_bits(DType t) { return bits_of(t) - (row_of(t).is_signed ? 1 : 0); }
double least_normal(DType t) { return row_of(t).least_normal; }
DType compute_type(DType t) { return is_float(t) && bits_of(t) < 32 ? DType::kF32 : t; }

}  // namespace rlx
