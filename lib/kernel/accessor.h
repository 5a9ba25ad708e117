// How the interpreter reads and writes tensors, a strip at a time.
#pragma once
#include "kernel/strip.h"

namespace rlx {

// The values of a body's nodes at the points of a strip, by node.
using Columns = Vec<const std::byte*>;

class Accessor {
 public:
  Accessor(const Kernel& k, Strip& strip) : k_(k), strip_(strip) {}

  void add_arg(std::span<std::byte> memory);
  // Each point of a tile has elements of its own.
  void add_local(std::span<std::byte> memory);

  DType dtype(const Access& a) const { return tensor(a).dtype(); }
  // The elements at the strip's points; errors name the stage's origin.
  Status load(const Stage& s, const Access& a, const Columns& columns, std::byte* out);
  Status store(const Stage& s, const Access& a, const Columns& columns, const std::byte* values);

 private:
  const Tensor& tensor(const Access& a) const;
  std::string name(const Access& a) const;
  Status locate(const Stage& s, const Access& a, const Columns& columns);
  void set_index(const AxisIndex& index, int64_t extent, const Columns& columns);
  Status apply_bounds(const Stage& s, const Access& a, size_t axis);
  Result<int64_t> moved_inside(const Stage& s, const Access& a, size_t axis, size_t point);

  const Kernel& k_;
  Strip& strip_;
  Vec<Tensor> args_, locals_;
  // Of the access at hand, per point: index of one axis, offset of the element, and the axis whose
  // fill is read instead, or -1.
  Vec<int64_t> index_, offsets_;
  Vec<int> filled_;
};

}  // namespace rlx
