// Copies between dense tensors and storages.
#include <cstring>

#include "kernel/codes.h"
#include "kernel/element.h"
#include "kernel/interpreter.h"
#include "kernel/strip.h"
#include "kernel/winograd.h"
#include "support/sub_byte.h"

namespace rlx {
namespace {

// The offset of an element is a sum of what its axes give, so that one table an axis says all.
class Walk {
 public:
  Walk(const Tensor& t, const Vec<int64_t>& shape) {
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      Vec<int64_t> index(static_cast<size_t>(shape[axis]));
      for (size_t i = 0; i < index.size(); ++i) index[i] = static_cast<int64_t>(i);
      Vec<int64_t>& offsets = tables_.emplace_back(index.size());
      t.add_offsets(axis, index, offsets.data());
    }
    // A scalar has one row of one element.
    if (shape.empty()) tables_.push_back({0});
  }

  // Calls f(offsets of its elements, its base) for each row of the innermost axis, in dense order.
  template <class F>
  void each_row(F f) const {
    rows(0, 0, f);
  }

 private:
  template <class F>
  void rows(size_t axis, int64_t base, F& f) const {
    if (axis + 1 == tables_.size()) return f(tables_[axis], base);
    for (const int64_t offset : tables_[axis]) rows(axis + 1, base + offset, f);
  }

  Vec<Vec<int64_t>> tables_;
};

// Calls copy(place in the dense tensor, place in the packed one) for each element.
template <class F>
void each_element(const Tensor& packed, const Vec<int64_t>& shape, F copy) {
  int64_t dense = 0;
  Walk(packed, shape).each_row([&](const Vec<int64_t>& offsets, int64_t base) {
    for (const int64_t offset : offsets) copy(dense++, base + offset);
  });
}

// Calls f with a function that copies element `from` of one array to place `to` of another one.
template <class F>
void with_copy(DType dtype, std::byte* out, const std::byte* in, F f) {
  if (is_sub_byte(dtype)) {
    return f(
        [=](int64_t to, int64_t from) { set_sub_byte(out, to, sub_byte_at(dtype, in, from)); });
  }
  with_bits(dtype, [&]<class T>() {
    constexpr auto kSize = static_cast<int64_t>(sizeof(T));
    f([=](int64_t to, int64_t from) {
      std::memcpy(out + to * kSize, in + from * kSize, sizeof(T));
    });
  });
}

int64_t elements_of(const Vec<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t e : shape) elements *= e;
  return elements;
}

Status verify_sizes(size_t dense, size_t packed, const Tensor& t, const Vec<int64_t>& shape) {
  const bool fits = static_cast<int64_t>(dense) == bytes_of(t.dtype(), elements_of(shape)) &&
                    static_cast<int64_t>(packed) >= bytes_of(t.dtype(), t.elements());
  if (fits) return {};
  return Error(kInvalidStorage, "a tensor's bytes are not those of its shape and storage");
}

void fill(std::span<std::byte> packed, DType dtype, const Storage& storage) {
  std::memset(packed.data(), 0, packed.size());
  if (!storage.fill || *storage.fill == Scalar::of(dtype, 0)) return;
  RLX_CHECK(!is_sub_byte(dtype), "elements that share bytes are padded with 0");
  auto size = static_cast<size_t>(size_of(dtype));
  for (size_t i = 0; i + size <= packed.size(); i += size) to_bytes(*storage.fill, &packed[i]);
}

Vec<Dim> dims_of(const Vec<int64_t>& shape) { return {shape.begin(), shape.end()}; }

}  // namespace

namespace {

// The transformed weights, which lie as elements do.
Status pack_transformed(const Winograd& w, std::span<const std::byte> dense,
                        std::span<std::byte> packed, Vec<int64_t> shape, Storage storage) {
  if (!can_take(storage.form, DType::kF32, dims_of(shape)) ||
      static_cast<int64_t>(dense.size()) != bytes_of(DType::kF32, elements_of(shape))) {
    return Error(kInvalidStorage, "a tensor's bytes are not those that its form is made of");
  }
  const Vec<float> formed = transformed_weights(w, dense);
  shape[2] = shape[3] = w.points;
  storage.form = Form::kElements;
  return pack(std::as_bytes(std::span(formed)), packed, DType::kF32, shape, storage);
}

}  // namespace

Status pack(std::span<const std::byte> dense, std::span<std::byte> packed, DType dtype,
            const Vec<int64_t>& shape, const Storage& storage) {
  if (const Winograd* w = winograd_of(storage.form)) {
    return pack_transformed(*w, dense, packed, shape, storage);
  }
  const Tensor t({.dtype = dtype, .shape = dims_of(shape), .storage = storage}, packed);
  RLX_TRY_VOID(verify_sizes(dense.size(), packed.size(), t, shape));
  if (packed.size() != dense.size()) fill(packed, dtype, storage);
  with_copy(dtype, packed.data(), dense.data(), [&](auto copy) {
    each_element(t, shape, [&](int64_t from, int64_t to) { copy(to, from); });
  });
  return {};
}

Status unpack(std::span<const std::byte> packed, std::span<std::byte> dense, DType dtype,
              const Vec<int64_t>& shape, const Storage& storage) {
  if (storage.form != Form::kElements) {
    return Error(kInvalidStorage, "what a tensor was transformed into does not give it back");
  }
  const Tensor t({.dtype = dtype, .shape = dims_of(shape), .storage = storage}, {});
  RLX_TRY_VOID(verify_sizes(dense.size(), packed.size(), t, shape));
  with_copy(dtype, dense.data(), packed.data(), [&](auto copy) { each_element(t, shape, copy); });
  return {};
}

}  // namespace rlx
