// Inputs made up for a model, where only their shapes matter.
#pragma once
#include "driver/choose_variant.h"
#include "driver/run_inputs.h"

namespace rlx::driver {

// Floats are normal, integers from 0 to 9, bools random. What is called a mask is one everywhere, what is
// called a type or segment is zero. The same seed gives the same bytes on every machine; an input's do
// not depend on the other inputs. `dims` are the values of the image's symbols: error 5xxx for those that
// are missing. With a cover inputs have the shapes that it says.
Result<TensorSet> generate_inputs(const image::Image& image,
                                  const Vec<std::pair<std::string, int64_t>>& dims, uint64_t seed,
                                  const Cover* cover = nullptr);

// The values of the image's symbols, by index: those that a run tells are kUntold, capacities 0. The error says that `what`
// needs those that are missing.
Result<Vec<int64_t>> symbols_of(const image::Image& image,
                                const Vec<std::pair<std::string, int64_t>>& dims,
                                std::string_view what);

}  // namespace rlx::driver
