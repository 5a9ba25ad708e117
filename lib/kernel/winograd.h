// Minimal filtering, F(m x m, 3 x 3): m x m results of a convolution by 3 x 3 weights with (m + 2)^2 products a channel
// in place of 9 m^2. With the image's square x of m + 2 elements a side and weights w
//
//   y = A' [(G w G') o (B' x B)] A
//
// where o is the product of elements. G w G' is a form of the weights, made when they are packed.
#pragma once
#include <span>

#include "kernel/storage.h"

namespace rlx {

struct Winograd {
  using Matrix = Vec<Vec<double>>;

  // m, and m + 2.
  int64_t results, points;
  // G, B' and A'.
  Matrix weights, image, result;
};

// Null where the form is no such one.
const Winograd* winograd_of(Form form);

// G w G' of dense f32 weights [out, in, 3, 3], computed in f64: [out, in, points, points].
Vec<float> transformed_weights(const Winograd& w, std::span<const std::byte> dense);

}  // namespace rlx
