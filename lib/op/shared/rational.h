// A float as the fraction that it was made of.
#pragma once
#include <cstdint>
#include <optional>

namespace rlx {

struct Rational {
  int64_t above, below;
};

// The fraction with the least denominator, at most 4096, that rounds to x; else x itself. nullopt: no number, or out of
// range. floor(n * above / below) is then what a product in f32 gives, as long as that is below 2^24 / 4096, where
// products with fractions as 0.7 would else fall short of the whole number that they mean.
std::optional<Rational> rational_of(float x);

}  // namespace rlx
