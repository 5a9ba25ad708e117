// Which variant of a template runs for given dims: one that is bound to them, or one that is bound to larger ones and
// padded, where that is right.
#pragma once
#include "cache/store.h"
#include "driver/key.h"
#include "ir/graph.h"

namespace rlx::driver {

// The model's own shapes for these dims, by name: inputs are padded to what the variant takes, outputs cut to this.
struct Cover {
  std::map<std::string, Vec<int64_t>> inputs, outputs;
};

struct VariantChoice {
  enum class Fit : uint8_t { kNone, kExact, kCovering };

  Fit fit = Fit::kNone;
  // Of the variant; empty: none fits.
  std::string key;
  Dims dims;
  std::string why;
  // With kCovering.
  Cover cover;
  // What else there is, and why not.
  struct Rejected {
    std::string key;
    Dims dims;
    std::string why;
  };
  Vec<Rejected> rejected;
};

// Of the template's variants in the store, whose graph is `g` (docs/design/016-variants.md). An exact one has all of its
// dims as wanted, of several the one with most; a covering one has none smaller, of several the smallest.
Result<VariantChoice> choose_variant(const cache::Store& store, const std::string& template_key,
                                     const Graph& g, const Dims& wanted);

}  // namespace rlx::driver
