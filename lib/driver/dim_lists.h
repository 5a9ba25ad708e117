// Many values for a dim, as rlx-spec and manifests have them, and all combinations of several dims.
#pragma once
#include "driver/key.h"

namespace rlx::driver {

struct DimList {
  std::string name;
  // In the order of asking, each once.
  Vec<int64_t> values;

  bool operator==(const DimList&) const = default;
};

// More values or combinations than this are a mistake.
inline constexpr size_t kMostVariants = 256;

// Of texts "NAME=POINTS,...", where POINTS is a number N, A..B:*2 (A, 2A, 4A, ... up to B) or A..B:+64. Error 2021 names
// the text: what is no list, a range that is empty or of one step for ever, a value or a dim that is there twice, more
// than kMostVariants values.
Result<Vec<DimList>> parse_dim_lists(const std::vector<std::string>& texts);

// The cross product, the last dim fastest; of no lists the one without dims. nullopt where there are more than `most`.
std::optional<Vec<Dims>> combinations(const Vec<DimList>& lists, size_t most);
// How many these are; saturates.
size_t count_of(const Vec<DimList>& lists);

// "batch=1 seq=128"; "template" for none.
std::string to_text(const Dims& dims);

}  // namespace rlx::driver
