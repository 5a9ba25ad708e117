// Inputs that are sequences or optionals: the compiled model has an input for each tensor that they hold, "x.0", "x.1",
// and the inputs at hand tell how many there are.
#pragma once
#include <deque>

#include "frontend/frontend.h"
#include "frontend/onnx/proto.h"

namespace rlx::onnx {

class ListInputs {
 public:
  // `shapes` as in frontend.h.
  ListInputs(const Vec<const ValueInfoProto*>& inputs, const InputShapes& shapes,
             Vec<Diagnostic>& problems);

  // Of all inputs, in order.
  const Vec<const ValueInfoProto*>& tensors() const { return tensors_; }
  // What input i is, made of the values of all tensors.
  ValueId value(size_t i, const Values& tensors, Graph& g) const {
    return made(held_[i], tensors, g);
  }

 private:
  // A tensor, or what a sequence or optional holds.
  struct Held {
    std::string name;
    TypeProto::Kind kind = TypeProto::Kind::kTensor;
    size_t tensor = 0;
    Vec<Held> elements = {};
  };

  Result<Held> held(const TypeProto& type, const std::string& name);
  Result<Held> held_list(const TypeProto& type, const std::string& name);
  Held add_element(const TypeProto& type, const std::string& name);
  bool is_given(const std::string& name) const;
  static ValueId made(const Held& held, const Values& tensors, Graph& g);

  InputShapes shapes_;
  Vec<const ValueInfoProto*> tensors_;
  Vec<Held> held_;
  // What tensors_ and their names point to.
  std::deque<ValueInfoProto> infos_;
  std::deque<std::string> names_;
};

}  // namespace rlx::onnx
