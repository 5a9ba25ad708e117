// Between a dense tensor and a storage: one walk over the logical elements.
#include <cstring>

#include "kernel/codes.h"
#include "kernel/element.h"
#include "kernel/interpreter.h"

namespace rlx {
namespace {

// What storage_offset says, with numbers: the offset as a sum of one table of offsets an axis.
class Offsets {
 public:
  Offsets(const Storage& storage, const Vec<int64_t>& shape) : axes_(shape.size()) {
    Vec<Dim> dims(shape.begin(), shape.end());
    Vec<Dim> strides = physical_strides(storage, dims);
    for (size_t a = 0; a < shape.size(); ++a) axes_[a].assign(static_cast<size_t>(shape[a]), 0);
    for (size_t p = 0; p < storage.dims.size(); ++p) {
      const PhysicalDim& d = storage.dims[p];
      Vec<int64_t>& table = axes_[static_cast<size_t>(d.axis)];
      int64_t lo = storage.padding[static_cast<size_t>(d.axis)].lo;
      for (size_t i = 0; i < table.size(); ++i) {
        int64_t c = (static_cast<int64_t>(i) + lo) / d.div;
        table[i] += *strides[p].constant() * (d.mod != 0 ? c % d.mod : c);
      }
    }
  }

  // Calls f(first dense element, its offset's base, the innermost axis' table) for each row.
  template <class F>
  void each_row(F f) const {
    static const Vec<int64_t> kOne(1, 0);
    const Vec<int64_t>& inner = axes_.empty() ? kOne : axes_.back();
    Vec<size_t> at(axes_.empty() ? 0 : axes_.size() - 1);
    int64_t dense = 0;
    for (const Vec<int64_t>& t : axes_)
      if (t.empty()) return;
    while (true) {
      int64_t base = 0;
      for (size_t a = 0; a < at.size(); ++a) base += axes_[a][at[a]];
      f(dense, base, inner);
      dense += static_cast<int64_t>(inner.size());
      size_t a = at.size();
      while (a > 0 && ++at[a - 1] == axes_[a - 1].size()) at[--a] = 0;
      if (a == 0) return;
    }
  }

 private:
  Vec<Vec<int64_t>> axes_;
};

void fill(std::span<std::byte> packed, DType dtype, const Storage& storage) {
  std::memset(packed.data(), 0, packed.size());
  if (!storage.fill || storage.fill->as_double() == 0) return;
  with_type(dtype, [&]<class T>() {
    T value{};
    if constexpr (std::is_arithmetic_v<T>) value = static_cast<T>(storage.fill->as_double());
    for (size_t i = 0; i + sizeof(T) <= packed.size(); i += sizeof(T))
      std::memcpy(packed.data() + i, &value, sizeof(T));
  });
}

Status check_sizes(size_t dense, size_t packed, DType dtype, const Vec<int64_t>& shape,
                   const Storage& storage) {
  int64_t elements = 1;
  for (int64_t e : shape) elements *= e;
  Vec<Dim> dims(shape.begin(), shape.end());
  std::optional<int64_t> stored = storage_elements(storage, dims).constant();
  bool fits = dense == static_cast<size_t>(elements * size_of(dtype)) && stored &&
              packed >= static_cast<size_t>(*stored * size_of(dtype));
  if (!fits) return Error(1020, "a tensor's bytes do not fit its storage");
  return {};
}

template <class T, class Copy>
void copy_rows(const Offsets& offsets, Copy copy) {
  offsets.each_row([&](int64_t dense, int64_t base, const Vec<int64_t>& inner) {
    for (size_t i = 0; i < inner.size(); ++i)
      copy(static_cast<size_t>(dense) + i, static_cast<size_t>(base + inner[i]));
  });
}

}  // namespace

Status pack(std::span<const std::byte> dense, std::span<std::byte> packed, DType dtype,
            const Vec<int64_t>& shape, const Storage& storage) {
  RLX_TRY_VOID(check_sizes(dense.size(), packed.size(), dtype, shape, storage));
  fill(packed, dtype, storage);
  Offsets offsets(storage, shape);
  with_type(dtype, [&]<class T>() {
    copy_rows<T>(offsets, [&](size_t d, size_t p) {
      std::memcpy(packed.data() + p * sizeof(T), dense.data() + d * sizeof(T), sizeof(T));
    });
  });
  return {};
}

Status unpack(std::span<const std::byte> packed, std::span<std::byte> dense, DType dtype,
              const Vec<int64_t>& shape, const Storage& storage) {
  RLX_TRY_VOID(check_sizes(dense.size(), packed.size(), dtype, shape, storage));
  Offsets offsets(storage, shape);
  with_type(dtype, [&]<class T>() {
    copy_rows<T>(offsets, [&](size_t d, size_t p) {
      std::memcpy(dense.data() + d * sizeof(T), packed.data() + p * sizeof(T), sizeof(T));
    });
  });
  return {};
}

}  // namespace rlx
