#include "kernel/winograd.h"

#include <array>
#include <cstring>

namespace rlx {
namespace {

// Of the points 0, 1, -1 and infinity.
Winograd make_two() {
  return {.results = 2,
          .points = 4,
          .weights = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
          .image = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
          .result = {{1, 1, 1, 0}, {0, 1, -1, 1}}};
}

// Of 0, 1, -1, 2, -2 and infinity.
Winograd make_four() {
  const double s = 1.0 / 6, t = 1.0 / 24, h = 1.0 / 12;
  return {.results = 4,
          .points = 6,
          .weights = {{0.25, 0, 0}, {-s, -s, -s}, {-s, s, -s}, {t, h, s}, {t, -h, s}, {0, 0, 1}},
          .image = {{4, 0, -5, 0, 1, 0},
                    {0, -4, -4, 1, 1, 0},
                    {0, 4, -4, -1, 1, 0},
                    {0, -2, -1, 2, 1, 0},
                    {0, 2, -1, -2, 1, 0},
                    {0, 4, 0, -5, 0, 1}},
          .result = {
              {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}};
}

constexpr size_t kSide = 3, kWindow = kSide * kSide;

void transform(const Winograd& w, const float* window, float* out) {
  const Winograd::Matrix& g = w.weights;
  for (const Vec<double>& row : g) {
    std::array<double, kSide> half{};
    for (size_t i = 0; i < kWindow; ++i) half[i % kSide] += row[i / kSide] * double{window[i]};
    for (const Vec<double>& column : g) {
      double sum = 0;
      for (size_t i = 0; i < kSide; ++i) sum += half[i] * column[i];
      *out++ = static_cast<float>(sum);
    }
  }
}

}  // namespace

const Winograd* winograd_of(Form form) {
  static const Winograd two = make_two(), four = make_four();
  switch (form) {
    case Form::kElements: return nullptr;
    case Form::kWinograd2: return &two;
    case Form::kWinograd4: return &four;
  }
  return nullptr;
}

Vec<float> transformed_weights(const Winograd& w, std::span<const std::byte> dense) {
  const size_t windows = dense.size() / (kWindow * sizeof(float));
  const auto square = static_cast<size_t>(w.points * w.points);
  Vec<float> out(windows * square);
  std::array<float, kWindow> window{};
  for (size_t i = 0; i < windows; ++i) {
    std::memcpy(window.data(), dense.data() + i * sizeof(window), sizeof(window));
    transform(w, window.data(), &out[i * square]);
  }
  return out;
}

}  // namespace rlx
