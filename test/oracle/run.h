// Small graphs in text form and their results, for tests of operators.
#pragma once
#include <cmath>
#include <cstring>
#include <string_view>

#include "test/oracle/interpret.h"

namespace rlx::test {

template <class T>
constexpr DType dtype_for() {
  if constexpr (std::is_same_v<T, float>) return DType::kF32;
  if constexpr (std::is_same_v<T, double>) return DType::kF64;
  if constexpr (std::is_same_v<T, int32_t>) return DType::kI32;
  if constexpr (std::is_same_v<T, int64_t>) return DType::kI64;
  if constexpr (std::is_same_v<T, uint8_t>) return DType::kU8;
}

template <class T>
Tensor tensor(Vec<int64_t> shape, const Vec<T>& elements) {
  Tensor t{dtype_for<T>(), std::move(shape), std::string(elements.size() * sizeof(T), '\0')};
  if (!elements.empty()) std::memcpy(t.bytes.data(), elements.data(), t.bytes.size());
  return t;
}

inline Tensor f32(Vec<int64_t> shape, const Vec<float>& elements) {
  return tensor(std::move(shape), elements);
}

// 0, 1, 2, ...
inline Tensor counted(Vec<int64_t> shape) {
  Tensor t{DType::kF32, std::move(shape), {}};
  Vec<float> elements;
  for (int64_t i = 0; i < t.elements(); ++i) elements.push_back(static_cast<float>(i));
  return f32(t.shape, elements);
}
inline Tensor f64(Vec<int64_t> shape, const Vec<double>& elements) {
  return tensor(std::move(shape), elements);
}
inline Tensor i64(Vec<int64_t> shape, const Vec<int64_t>& elements) {
  return tensor(std::move(shape), elements);
}
inline Tensor i32(Vec<int64_t> shape, const Vec<int32_t>& elements) {
  return tensor(std::move(shape), elements);
}
Tensor bools(Vec<int64_t> shape, const Vec<bool>& elements);
// Elements between -1 and 1, the same for the same seed.
Tensor random_f32(Vec<int64_t> shape, uint32_t seed = 1);

// The elements of an f32 tensor by their index.
float at(const Tensor& t, const Vec<int64_t>& index);
// Calls f for each index of the shape, in row-major order.
void each_index(const Vec<int64_t>& shape, const std::function<void(const Vec<int64_t>&)>& f);

// A graph of these lines: inputs, nodes, outputs. Types are inferred.
Result<Graph> graph_of(std::string_view lines);
// The first output of such a graph; fails the test on an error.
Tensor run(std::string_view lines, const Vec<Tensor>& inputs);
// The output's type as text, or the first diagnostic.
std::string inferred(std::string_view lines);
// The elements of the output as text where inference knows them, else "unknown".
std::string known(std::string_view lines);

// Same type and shape, and elements as near as `tolerance` allows, relative to 1 or to the element;
// NaN is near NaN.
bool near(const Tensor& got, const Tensor& want, double tolerance = 1e-5);
std::string to_text(const Tensor& t);

}  // namespace rlx::test
