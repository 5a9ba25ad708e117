// The elements of tensors as numbers, for reports.
#pragma once
#include "kernel/element.h"
#include "runtime/io/host_tensor.h"

namespace rlx::driver {

// Holds every element of every dtype exactly, 64-bit integers too.
using Wide = long double;

// Calls f(index, value) for each element of a tensor whose data fits its shape.
template <class F>
void each_element(const HostTensor& t, F&& f) {
  with_type(t.dtype, [&]<class T>() {
    const auto* values = reinterpret_cast<const T*>(t.data.data());
    auto count = static_cast<int64_t>(t.data.size() / sizeof(T));
    for (int64_t i = 0; i < count; ++i) f(i, convert<Wide>(values[i]));
  });
}

// Sets each element to f(index), a value of type V, as kCast would convert it.
template <class V, class F>
void set_elements(HostTensor& t, F&& f) {
  with_type(t.dtype, [&]<class T>() {
    auto* values = reinterpret_cast<T*>(t.data.data());
    auto count = static_cast<int64_t>(t.data.size() / sizeof(T));
    for (int64_t i = 0; i < count; ++i) values[i] = convert<T>(V(f(i)));
  });
}

// What an output looks like at a glance.
struct Summary {
  // Of the elements that are no NaN; 0 where there are none.
  double min = 0, max = 0, mean = 0;
  int64_t nan = 0;
  // As text, kShown at most.
  Vec<std::string> first;

  static constexpr size_t kShown = 4;
};

Summary summarise(const HostTensor& t);

// "0.5", "-3": floats by six digits, integers by all.
std::string number_text(DType dtype, Wide value);
// "f32[2, 3]".
inline std::string type_text(const HostTensor& t) { return rlx::type_text(t.dtype, t.shape); }

}  // namespace rlx::driver
