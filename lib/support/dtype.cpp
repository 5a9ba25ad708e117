#include "support/dtype.h"

#include <array>

namespace rlx {
namespace {

struct Row {
  std::string_view name;
  int64_t size;
};

// In the order of DType.
constexpr std::array<Row, kDTypeCount> kRows{{
    {"bool", 1},
    {"i8", 1},
    {"i16", 2},
    {"i32", 4},
    {"i64", 8},
    {"u8", 1},
    {"u16", 2},
    {"u32", 4},
    {"u64", 8},
    {"f16", 2},
    {"bf16", 2},
    {"f32", 4},
    {"f64", 8},
    {"string", 0},
}};

const Row& row_of(DType t) { return kRows[static_cast<size_t>(t)]; }

}  // namespace

std::string_view name(DType t) { return row_of(t).name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

int64_t size_of(DType t) { return row_of(t).size; }

}  // namespace rlx
