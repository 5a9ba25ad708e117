#include "driver/run_cover.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "driver/codes.h"
#include "runtime/binding.h"
#include "support/codes.h"

namespace rlx::driver {
namespace {

int64_t volume(std::span<const int64_t> shape) {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  return elements;
}

// Copies the box that both shapes have, a row at a time.
void copy_common(const HostTensor& from, HostTensor& to) {
  const size_t rank = from.shape.size();
  Vec<int64_t> box(rank);
  for (size_t i = 0; i < rank; ++i) box[i] = std::min(from.shape[i], to.shape[i]);
  if (volume(box) == 0) return;
  const int64_t row = rank == 0 ? 1 : box.back();
  const int64_t size = size_of(from.dtype);
  for (int64_t r = 0; r < volume(box) / row; ++r) {
    int64_t rest = r, at_from = 0, at_to = 0, step_from = 1, step_to = 1;
    for (size_t i = rank; i-- > 0;) {
      const int64_t index = i + 1 == rank ? 0 : rest % box[i];
      if (i + 1 != rank) rest /= box[i];
      at_from += index * step_from;
      at_to += index * step_to;
      step_from *= from.shape[i];
      step_to *= to.shape[i];
    }
    std::memcpy(to.data.data() + at_to * size, from.data.data() + at_from * size,
                static_cast<size_t>(row * size));
  }
}

// Zeros where the tensor has nothing.
Result<HostTensor> resized(const HostTensor& t, const Vec<int64_t>& shape) {
  const std::string what = fmt::format("{} {}", t.name, type_text(t.dtype, shape));
  const auto bytes = tensor_bytes(t.dtype, shape);
  if (!bytes) return Error(kOutOfMemory, what + " is too big", "smaller dims");
  RLX_TRY(AlignedBytes data, AlignedBytes::make(*bytes, what));
  HostTensor out{t.name, t.dtype, shape, std::move(data)};
  copy_common(t, out);
  return out;
}

}  // namespace

Status pad_inputs(Vec<HostTensor>& inputs, const image::Image& image, const Cover& cover) {
  for (HostTensor& t : inputs) {
    const auto wanted = cover.inputs.find(t.name);
    const auto input = std::ranges::find(image.inputs, t.name, &image::Tensor::name);
    // The session says of others that there is no such input.
    if (wanted == cover.inputs.end() || input == image.inputs.end()) continue;
    if (t.shape != wanted->second) {
      return Error(kShapeMismatch,
                   fmt::format("input {} is {}, the other inputs make it {}", t.name,
                               type_text(t.dtype, t.shape), type_text(t.dtype, wanted->second)));
    }
    RLX_TRY(const Vec<int64_t> shape, runtime::shape_of(image, *input, {}));
    // Another type is the session's to refuse.
    if (t.dtype != input->dtype || shape == t.shape) continue;
    RLX_TRY(t, resized(t, shape));
  }
  return {};
}

Result<Vec<HostTensor>> cut_outputs(const Vec<HostTensor>& outputs, const Cover& cover) {
  Vec<HostTensor> cut;
  for (const HostTensor& t : outputs) {
    RLX_TRY(HostTensor tensor, resized(t, cover.outputs.at(t.name)));
    cut.push_back(std::move(tensor));
  }
  return cut;
}

}  // namespace rlx::driver
