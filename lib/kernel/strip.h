// What the interpreter works on: strips of points, and tensors whose addresses are computed for a
// strip at a time.
#pragma once
#include <memory>
#include <span>

#include "kernel/kernel.h"

namespace rlx {

// Points that one evaluation of a node covers at most.
inline constexpr int64_t kStrip = 1024;

// Points of a kernel's loops.
class Strip {
 public:
  // Loops have ids below loop_count.
  explicit Strip(uint32_t loop_count) : loops_(loop_count) {}

  int64_t count() const { return count_; }
  void set_count(int64_t count) { count_ = count; }
  // The loop's value at each point.
  std::span<int64_t> values(LoopId loop);
  // The same value at each point.
  void set(LoopId loop, int64_t value);
  // The point of the tile that each point belongs to: where its locals are.
  std::span<int64_t> homes() { return {homes_.data(), static_cast<size_t>(count_)}; }
  // d at each point; d has no symbols.
  void evaluate(const Dim& d, int64_t* out);

 private:
  using Numbers = Vec<int64_t>;

  // Points where a factor's values are; `space` is there for those that have to be computed.
  const int64_t* factor(const Atom& a, std::unique_ptr<Numbers>& space);
  void evaluate(const Atom& a, int64_t* out);
  std::unique_ptr<Numbers> take();
  void give_back(std::unique_ptr<Numbers> space);

  int64_t count_ = 0;
  Vec<Numbers> loops_;
  Numbers homes_ = Numbers(kStrip);
  // Arrays that are free for intermediate values.
  Vec<std::unique_ptr<Numbers>> spare_;
};

// An argument's or local's memory with numbers for its shape.
class Tensor {
 public:
  Tensor(const Arg& arg, std::span<std::byte> memory);

  DType dtype() const { return dtype_; }
  std::span<std::byte> memory() const { return memory_; }
  int64_t extent(size_t axis) const { return shape_[axis]; }
  // Elements that the memory has.
  int64_t elements() const { return elements_; }
  // Whether the index is in the axis, its halo or padding.
  bool holds(size_t axis, int64_t index) const;
  // Adds what the indexes of one axis give to the element offsets.
  void add_offsets(size_t axis, std::span<const int64_t> index, int64_t* offsets) const;

 private:
  struct Part {
    size_t axis;
    int64_t div, mod, stride;
  };

  DType dtype_;
  std::span<std::byte> memory_;
  // By axis. Index i stands at position `first_ + i` of the memory's axis.
  Vec<int64_t> shape_, lo_, padded_, first_;
  Vec<Part> parts_;
  int64_t elements_ = 1;
};

}  // namespace rlx
