// A model whose state grows, beside a number that changes places with what it becomes; for loops on any device.
#pragma once
#include "test/runtime/images.h"

namespace rlx::runtime {

inline constexpr int64_t kBatch = 3, kWidth = 2;

// The order of the image's symbols.
enum Symbols : uint8_t { kPast, kNew, kPastRoom, kPresentRoom };

inline float* place(void* buffer, int64_t batch, int64_t room, int64_t at) {
  return static_cast<float*>(buffer) + (batch * room + at) * kWidth;
}

// present[b, 0 .. past] = past[b]
inline void copy_past(void* const* buffers, const int64_t* s, int64_t first, int64_t last, void*) {
  for (int64_t b = first; b < last; ++b) {
    std::memcpy(place(buffers[1], b, s[kPresentRoom], 0), place(buffers[0], b, s[kPastRoom], 0),
                s[kPast] * kWidth * sizeof(float));
  }
}

// present[b, past ..] = x[b] + count[0]
inline void append_new(void* const* buffers, const int64_t* s, int64_t first, int64_t last, void*) {
  const float count = *static_cast<const float*>(buffers[2]);
  for (int64_t b = first; b < last; ++b) {
    for (int64_t i = 0; i < s[kNew] * kWidth; ++i) {
      place(buffers[1], b, s[kPresentRoom], s[kPast])[i] =
          place(buffers[0], b, s[kNew], 0)[i] + count;
    }
  }
}

// sum[b] = all of present[2 - b] and, once more, of past[b]: what other threads wrote.
inline void sum_up(void* const* buffers, const int64_t* s, int64_t first, int64_t last, void*) {
  for (int64_t b = first; b < last; ++b) {
    float sum = 0;
    for (int64_t i = 0; i < (s[kPast] + s[kNew]) * kWidth; ++i) {
      sum += place(buffers[0], kBatch - 1 - b, s[kPresentRoom], 0)[i];
    }
    for (int64_t i = 0; i < s[kPast] * kWidth; ++i) {
      sum += place(buffers[1], b, s[kPastRoom], 0)[i];
    }
    static_cast<float*>(buffers[2])[b] = sum;
  }
}

inline void count_up(void* const* buffers, const int64_t*, int64_t, int64_t, void*) {
  *static_cast<float*>(buffers[1]) = *static_cast<const float*>(buffers[0]) + 1;
}

// past, x, count -> present = past and x + count behind it, sum, counted = count + 1.
inline ImageBuilder growing() {
  ImageBuilder b;
  Image& i = b.image();
  const Extent batch = Extent::constant(kBatch), width = Extent::constant(kWidth);
  const auto plus = [](Extent a, const Extent& c) {
    a.steps.insert(a.steps.end(), c.steps.begin(), c.steps.end());
    a.steps.push_back({Extent::Op::kAdd, 0});
    return a;
  };
  const auto bytes = [](const Extent& rows) { return times(rows, kBatch * kWidth * 4); };
  i.symbols = {{.name = "past", .input = 0, .axis = 1},
               {.name = "new", .input = 1, .axis = 1},
               {.name = "past_room"},
               {.name = "present_room"}};
  const auto in = Buffer::Kind::kInput, out = Buffer::Kind::kOutput;
  const Extent sums = Extent::constant(kBatch * 4), one = Extent::constant(4);
  const uint32_t past = b.buffer({.kind = in, .bytes = bytes(symbol(kPastRoom))});
  const uint32_t x = b.buffer({.kind = in, .bytes = bytes(symbol(kNew))});
  const uint32_t count = b.buffer({.kind = in, .bytes = one});
  const uint32_t present = b.buffer({.kind = out, .bytes = bytes(symbol(kPresentRoom))});
  const uint32_t sum = b.buffer({.kind = out, .bytes = sums});
  const uint32_t counted = b.buffer({.kind = out, .bytes = one});
  i.inputs = {{"past", DType::kF32, {batch, symbol(kPast), width}, past},
              {"x", DType::kF32, {batch, symbol(kNew), width}, x},
              {"count", DType::kF32, {}, count}};
  i.outputs = {{"present", DType::kF32, {batch, plus(symbol(kPast), symbol(kNew)), width}, present},
               {"sum", DType::kF32, {batch}, sum},
               {"counted", DType::kF32, {}, counted}};
  i.states = {{.input = 0,
               .output = 0,
               .axis = 1,
               .input_capacity = kPastRoom,
               .output_capacity = kPresentRoom,
               .copies = {0}}};
  const auto kernel = [&](const char* name, cpu::KernelFunction function, int64_t tiles) {
    const uint32_t k = b.kernel(name, function);
    i.kernels[k].tiles = Extent::constant(tiles);
    return k;
  };
  const uint32_t copies = kernel("copy_past", copy_past, kBatch);
  const uint32_t appends = kernel("append_new", append_new, kBatch);
  const uint32_t sums_up = kernel("sum_up", sum_up, kBatch);
  const uint32_t counts = kernel("count_up", count_up, 1);
  b.launch(copies, {past, present});
  b.launch(appends, {x, present, count});
  b.launch(sums_up, {present, past, sum}, {0, 1});
  b.launch(counts, {count, counted});
  return b;
}

inline HostTensor past_of(int64_t rows) {
  return floats("past", {kBatch, rows, kWidth}, ramp(kBatch * rows * kWidth));
}
inline HostTensor x_of(int64_t rows, float value) {
  return floats("x", {kBatch, rows, kWidth}, Vec<float>(kBatch * rows * kWidth, value));
}
inline HostTensor count_of(float count) { return floats("count", {}, {count}); }

inline const Vec<Feed> kAll = {{"present", "past"}, {"counted", "count"}};

template <class T>
T value_of(Result<T> result) {
  INFO((result ? "" : to_text(result.error())));
  REQUIRE(result.ok());
  return std::move(*result);
}

inline HostTensor renamed(const HostTensor& t, std::string name) {
  HostTensor copy = t;
  copy.name = std::move(name);
  return copy;
}

// Steps of both, of `rows` rows, from a past of `past`: the loop against runs that are given all that the one before
// gave.
inline void check_loop(Session& looped, Session& given, int64_t past, const Vec<int64_t>& rows) {
  REQUIRE(looped.feed(kAll).ok());
  HostTensor all = past_of(past), count = count_of(5);
  for (size_t step = 0; step < rows.size(); ++step) {
    const HostTensor x = x_of(rows[step], static_cast<float>(step));
    const Vec<HostTensor> want = value_of(given.run(Vec<HostTensor>{all, x, count}));
    const Vec<HostTensor> first = {x, count, all}, later = {x};
    const Vec<HostTensor> got = value_of(looped.step(step == 0 ? first : later));
    REQUIRE(got.size() == 1);
    CHECK(got[0] == want[1]);
    const Vec<HostTensor> fed = value_of(looped.fed_outputs());
    REQUIRE(fed.size() == 2);
    CHECK(fed[0] == want[0]);
    CHECK(fed[1] == want[2]);
    all = renamed(want[0], "past");
    count = renamed(want[2], "count");
  }
}

}  // namespace rlx::runtime
