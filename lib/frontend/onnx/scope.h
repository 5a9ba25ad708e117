// The names of one graph of the file, inside those of the graph around it.
#pragma once
#include <set>
#include <unordered_map>

#include "frontend/onnx/tensor.h"

namespace rlx::onnx {

class Scope {
 public:
  Scope(Graph& graph, Tensors& tensors, RegionId region, Scope* outer)
      : graph_(graph), tensors_(tensors), outer_(outer), region_(region) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  RegionId region() const { return region_; }
  // Takes over g's initializers, which become constants when they are first used, and its declared types.
  Status declare(const GraphProto& g);
  bool is_initializer(std::string_view name) const { return initializers_.contains(name); }
  // An error where this very graph has the name already.
  Status define(std::string_view name, ValueId v);
  // The value of that name here or further out, then captured on the way; an invalid id where there is
  // none, an error (once) where its data is bad.
  Result<ValueId> find(std::string_view name);
  // "X: f32[2, batch]": what is known of it, for messages; empty: nothing.
  std::string describe(std::string_view name) const;

 private:
  Result<ValueId> find_here(std::string_view name);
  void capture(ValueId v, const Scope& from);

  Graph& graph_;
  Tensors& tensors_;
  Scope* outer_;
  RegionId region_;
  std::unordered_map<std::string_view, ValueId> values_;
  std::unordered_map<std::string_view, const TensorProto*> initializers_;
  std::unordered_map<std::string_view, const TypeProto*> declared_;
  std::set<ValueId> captured_;
};

// Stands for a value that could not be made, so that reading goes on; the graph is of no use then.
ValueId placeholder(Graph& graph);

}  // namespace rlx::onnx
