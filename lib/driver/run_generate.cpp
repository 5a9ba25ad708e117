#include "driver/run_generate.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "driver/run_codes.h"
#include "driver/run_values.h"
#include "image/told.h"
#include "runtime/binding.h"
#include "support/codes.h"
#include "support/populate.h"

namespace rlx::driver {
namespace {

constexpr int64_t kIntegers = 10;

// SplitMix64: a whole generator in three lines, and no library's to differ.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // The sum of four uniforms of 16 bits, as wide as a normal number: near enough to one, and the same everywhere, unlike
  // logarithms and cosines.
  double normal() {
    constexpr uint64_t kEven = 0x0000ffff0000ffff;
    constexpr double kRootOf3 = 1.7320508075688772;
    const uint64_t four = next();
    const uint64_t sums = (four & kEven) + (four >> 16 & kEven);
    const auto sum = static_cast<int64_t>((sums >> 32) + (sums & 0xffffffff));
    return static_cast<double>(sum - 0x1fffe) * 0x1p-16 * kRootOf3;
  }

 private:
  uint64_t state_;
};

Random random_for(uint64_t seed, const std::string& name) {
  Digest digest = sha256(bytes_of(fmt::format("{} {}", seed, name)));
  uint64_t start = 0;
  std::memcpy(&start, digest.bytes.data(), sizeof start);
  return Random(start);
}

bool says(const std::string& name, std::string_view word) {
  return name.find(word) != std::string::npos;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return text;
}

void fill(HostTensor& t, uint64_t seed) {
  populate_for_writing({t.data.data(), t.data.size()});
  Random random = random_for(seed, t.name);
  const std::string name = lower(t.name);
  if (says(name, "mask")) return set_elements<int64_t>(t, [](int64_t) { return 1; });
  if (is_float(t.dtype)) return set_elements<double>(t, [&](int64_t) { return random.normal(); });
  if (says(name, "type") || says(name, "segment")) return;
  int64_t range = t.dtype == DType::kBool ? 2 : kIntegers;
  set_elements<int64_t>(t, [&](int64_t) { return random.next() % range; });
}

// Of the image's input `index`.
void set_elements_that_are_dims(const image::Image& image, const Vec<int64_t>& symbols,
                                size_t index, HostTensor& tensor) {
  for (size_t i = 0; i < symbols.size(); ++i) {
    const image::Symbol& symbol = image.symbols[i];
    const bool is_it = symbol.element >= 0 && static_cast<size_t>(symbol.input) == index;
    if (!is_it || symbol.sign < 0) continue;
    const size_t at = sizeof(int64_t) * static_cast<size_t>(symbol.element);
    std::memcpy(tensor.data.data() + at, &symbols[i], sizeof(int64_t));
  }
}

}  // namespace

Result<Vec<int64_t>> symbols_of(const image::Image& image,
                                const Vec<std::pair<std::string, int64_t>>& dims,
                                std::string_view what) {
  Vec<int64_t> values;
  Vec<std::string> missing, flags;
  const Vec<bool> is_capacity = capacities(image);
  const Vec<bool> is_told = told_symbols(image);
  for (size_t i = 0; i < image.symbols.size(); ++i) {
    const image::Symbol& symbol = image.symbols[i];
    if (is_told[i]) {
      values.push_back(image::kUntold);
      continue;
    }
    auto given = std::ranges::find(dims, symbol.name, &std::pair<std::string, int64_t>::first);
    values.push_back(given == dims.end() ? 0 : given->second);
    // The other part of an element goes by the name of the first.
    if (given != dims.end() || symbol.sign < 0 || is_capacity[i]) continue;
    missing.push_back(symbol.name);
    flags.push_back(fmt::format("--dim {}=N", symbol.name));
  }
  if (missing.empty()) return values;
  return Error(kDimNeeded,
               fmt::format("{}, values are needed for {}", what, fmt::join(missing, ", ")),
               fmt::format("{}, or give inputs", fmt::join(flags, " ")));
}

Result<TensorSet> generate_inputs(const image::Image& image,
                                  const Vec<std::pair<std::string, int64_t>>& dims, uint64_t seed,
                                  const Cover* cover) {
  RLX_TRY(const Vec<int64_t> symbols, symbols_of(image, dims, "to make up inputs"));
  TensorSet set{.name = "generated"};
  for (const image::Tensor& input : image.inputs) {
    RLX_TRY(Vec<int64_t> shape, runtime::shape_of(image, input, symbols));
    if (cover) shape = cover->inputs.at(input.name);
    std::optional<size_t> bytes = tensor_bytes(input.dtype, shape);
    const std::string what = fmt::format("input {} {}", input.name, type_text(input.dtype, shape));
    if (!bytes) return Error(kOutOfMemory, what + " is too big", "smaller dims");
    RLX_TRY(AlignedBytes data, AlignedBytes::make(*bytes, what));
    HostTensor tensor{input.name, input.dtype, std::move(shape), std::move(data)};
    fill(tensor, seed);
    set_elements_that_are_dims(image, symbols, set.tensors.size(), tensor);
    set.tensors.push_back(std::move(tensor));
  }
  return set;
}

}  // namespace rlx::driver
