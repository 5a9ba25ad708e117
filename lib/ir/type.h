// Types of values: logical, in the model's order of axes; how a value lies in memory is Storage (kernel/).
#pragma once
#include <string>
#include <string_view>

#include "ir/dim.h"
#include "support/dtype.h"

namespace rlx {

struct Type {
  // kUnknown stands after an inference error, so that inference can go on.
  enum class Kind : uint8_t { kUnknown, kTensor, kSequence, kOptional, kState };

  Kind kind = Kind::kUnknown;
  // Of a tensor or state.
  DType dtype = DType::kF32;
  Vec<Dim> shape = {};
  // The one element type of a sequence or optional.
  Vec<Type> element = {};

  static Type tensor(DType dtype, Vec<Dim> shape) {
    return {Kind::kTensor, dtype, std::move(shape), {}};
  }
  static Type unknown() { return {}; }

  bool is_tensor() const { return kind == Kind::kTensor; }
  int rank() const { return static_cast<int>(shape.size()); }
  Dim elements() const { return product(shape); }
  bool operator==(const Type&) const = default;
};

using Types = Vec<Type>;

// "f32[batch, 3, 224, 224]", "seq(f32[2])", "?".
std::string to_text(const Type& t);
Result<Type> parse_type(std::string_view text);

// What so many elements take, the last byte whole.
Dim bytes_of(DType t, const Dim& count);

}  // namespace rlx
