// What the caller gives against what the image wants: names, dtypes, shapes, symbols, guards.
#pragma once
#include <span>
#include <utility>

#include "image/image.h"
#include "runtime/io/host_tensor.h"

namespace rlx::runtime {

struct Binding {
  // In the image's order.
  Vec<const HostTensor*> inputs;
  // Capacities are those of dense tensors.
  Vec<int64_t> symbols;
};

// All problems at once: 5xxx, in the words of the model. `given` are values of symbols that no input gives.
Result<Binding> bind_inputs(const image::Image& image, std::span<const HostTensor* const> inputs,
                            const Vec<std::pair<std::string, int64_t>>& given);

Vec<const HostTensor*> pointers_to(std::span<const HostTensor> tensors);

// That the model's assumptions hold for these values, whatever runs.
Status check_guards(const image::Image& image, const Vec<int64_t>& symbols);

// What the value should be; empty: it is that.
std::string wanted_of(const image::Symbol& symbol, int64_t value);

// What is said of a guard that does not hold.
Diagnostic failed_guard(const image::Image& image, const image::Guard& guard,
                        const Vec<int64_t>& symbols);

// The shape for these values; an error where an extent is negative or has no value.
Result<Vec<int64_t>> shape_of(const image::Image& image, const image::Tensor& tensor,
                              const Vec<int64_t>& symbols);

// "mask: i64[batch, seq]".
std::string signature(const image::Image& image, const image::Tensor& tensor);

}  // namespace rlx::runtime
