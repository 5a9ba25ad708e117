// Small images that run on functions of the test, and the tensors for them.
#pragma once
#include <catch2/catch.hpp>
#include <cstring>

#include "runtime/cpu/device.h"
#include "runtime/session.h"

namespace rlx::runtime {

using image::Buffer;
using image::Command;
using image::Extent;
using image::Image;

inline Extent symbol(int64_t index) { return {{{Extent::Op::kSymbol, index}}}; }

inline Extent times(Extent e, int64_t factor) {
  e.steps.push_back({Extent::Op::kConst, factor});
  e.steps.push_back({Extent::Op::kMul, 0});
  return e;
}

inline HostTensor floats(std::string name, Vec<int64_t> shape, const Vec<float>& values) {
  AlignedBytes data(std::as_bytes(std::span(values)));
  return {std::move(name), DType::kF32, std::move(shape), std::move(data)};
}

inline Vec<float> values_of(const HostTensor& t) {
  Vec<float> values(t.data.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), t.data.data(), t.data.size());
  return values;
}

inline Vec<float> ramp(int64_t count) {
  Vec<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  return values;
}

inline Result<Blob> no_blobs(const Digest&) { return Error(8999, "there are no blobs here"); }

// An image over rows of eight floats, a tile a row. Kernels are added with their functions.
class ImageBuilder {
 public:
  static constexpr int64_t kColumns = 8;

  ImageBuilder() {
    image_.code = "-";
    image_.symbols = {{.name = "rows", .input = 0, .axis = 0, .min = 0, .max = 10000}};
  }

  Extent rows() const { return symbol(0); }
  Extent bytes() const { return times(rows(), kColumns * sizeof(float)); }

  uint32_t input(std::string name) {
    uint32_t b = buffer({.kind = Buffer::Kind::kInput, .bytes = bytes()});
    image_.inputs.push_back(tensor(std::move(name), b));
    return b;
  }
  uint32_t output(std::string name) {
    uint32_t b = buffer({.kind = Buffer::Kind::kOutput, .bytes = bytes()});
    output_in(std::move(name), b);
    return b;
  }
  void output_in(std::string name, uint32_t b) {
    image_.outputs.push_back(tensor(std::move(name), b));
  }
  uint32_t arena(uint32_t first, uint32_t last) {
    return buffer({.bytes = bytes(), .first = first, .last = last});
  }
  uint32_t buffer(Buffer b) {
    image_.buffers.push_back(std::move(b));
    return static_cast<uint32_t>(image_.buffers.size() - 1);
  }
  uint32_t kernel(std::string name, cpu::KernelFunction function) {
    image_.kernels.push_back(
        {.name = std::move(name), .tiles = rows(), .scratch = Extent::constant(64)});
    functions_.push_back(function);
    return static_cast<uint32_t>(functions_.size() - 1);
  }
  uint32_t launch(uint32_t kernel, Vec<uint32_t> buffers, Vec<uint32_t> waits = {}) {
    return command({.kernel = kernel, .buffers = std::move(buffers), .waits = std::move(waits)});
  }
  uint32_t command(Command c) {
    image_.commands.push_back(std::move(c));
    return static_cast<uint32_t>(image_.commands.size() - 1);
  }

  Image& image() { return image_; }
  const Image& image() const { return image_; }
  const cpu::FunctionTable& functions() const { return functions_; }

  Result<std::unique_ptr<Session>> try_load(const DeviceOptions& options = {},
                                            const BlobSource& blobs = no_blobs) const {
    auto status = verify(image_);
    INFO((status ? "" : status.error().first().message));
    REQUIRE(status.ok());
    return Session::load(image_, blobs, cpu::make_device(options, &functions_));
  }
  std::unique_ptr<Session> load(const DeviceOptions& options = {},
                                const BlobSource& blobs = no_blobs) const {
    auto session = try_load(options, blobs);
    REQUIRE(session.ok());
    return std::move(*session);
  }

 private:
  image::Tensor tensor(std::string name, uint32_t b) const {
    return {std::move(name), DType::kF32, {rows(), Extent::constant(kColumns)}, b};
  }

  Image image_;
  cpu::FunctionTable functions_;
};

inline float* row(void* buffer, int64_t index) {
  return static_cast<float*>(buffer) + index * ImageBuilder::kColumns;
}

// to = from + 1, by rows.
inline void add_one(void* const* buffers, const int64_t*, int64_t first, int64_t last, void*) {
  for (int64_t r = first; r < last; ++r) {
    for (int64_t c = 0; c < ImageBuilder::kColumns; ++c) {
      row(buffers[0], r)[c] = row(buffers[1], r)[c] + 1;
    }
  }
}

// to[r] = a[r] + b[rows - 1 - r]: reads what other threads wrote.
inline void add_reversed(void* const* buffers, const int64_t* symbols, int64_t first, int64_t last,
                         void*) {
  for (int64_t r = first; r < last; ++r) {
    for (int64_t c = 0; c < ImageBuilder::kColumns; ++c) {
      row(buffers[0], r)[c] = row(buffers[1], r)[c] + row(buffers[2], symbols[0] - 1 - r)[c];
    }
  }
}

}  // namespace rlx::runtime
