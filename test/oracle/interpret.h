// Runs graphs through the interpreter, node by node.
#pragma once
#include <cstring>

#include "ir/graph.h"

namespace rlx::test {

// A dense tensor by value.
struct Tensor {
  DType dtype = DType::kF32;
  Vec<int64_t> shape;
  std::string bytes;

  int64_t elements() const;
  template <class T>
  Vec<T> as() const {
    Vec<T> v(bytes.size() / sizeof(T));
    if (!v.empty()) std::memcpy(v.data(), bytes.data(), bytes.size());
    return v;
  }
};

// The outputs of a graph whose types are known. Symbols take their values from the inputs' extents.
Result<Vec<Tensor>> interpret(const Graph& g, const Vec<Tensor>& inputs);

}  // namespace rlx::test
