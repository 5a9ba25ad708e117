// onnxruntime in a Python process of its own, one for many models.
#pragma once
#include <sys/types.h>

#include "runtime/io/host_tensor.h"

namespace rlx::random {

class Ort {
 public:
  // Starts it. `script` is ort_worker.py.
  static std::unique_ptr<Ort> start(const std::string& python, const std::string& script);
  ~Ort();
  Ort(const Ort&) = delete;
  Ort& operator=(const Ort&) = delete;

  struct Answer {
    // Why there are no outputs: it refuses the model, or has died.
    std::string refusal;
    bool died = false;
    Vec<HostTensor> outputs;
  };
  Answer run(const std::string& onnx, const Vec<HostTensor>& inputs);

 private:
  Ort() = default;

  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

}  // namespace rlx::random
