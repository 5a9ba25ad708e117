// Which values lie in the memory of another one, as a box of it, so that nobody has to copy them.
//
//   a concatenation    its parts lie in it: their writers write them where they belong
//   a split, a slice   lies in what it was taken from: its readers read it there
//   a concatenation of what lies side by side in a third value already   lies there too
//
// Found in the kernels, after fusion: a stage that copies a box of one value to a box of another has nothing
// to do where one of the two lies in the other. A part must be made by a kernel, whole, and be neither a graph
// output nor in another value yet; what is left is copied by what is left of the kernel. A graph output lies
// in no other value. What a branch of an If gives lies where the node's output does.
//
// The outcome is a function of the units alone: replaying a LIR gives the same views.
#pragma once
#include "plan/unit.h"

namespace rlx {

struct View {
  ValueId container;
  // Of the box, per axis.
  Vec<Dim> start;
};

class Views {
 public:
  explicit Views(size_t values) : direct_(values), has_parts_(values) {}

  // Where v lies, in a container that lies in no other; nullopt: in memory of its own.
  std::optional<View> of(ValueId v) const;
  bool has_parts(ValueId v) const { return has_parts_[v.index]; }

  bool contains(ValueId v) const { return direct_[v.index].has_value(); }
  // v must not be there yet.
  void add(ValueId v, View view);

 private:
  // By value; the containers of these may be views too.
  Vec<std::optional<View>> direct_;
  Vec<bool> has_parts_;
};

// Removes the stages that copy what is a view now, and units that have no stage left.
Views take_views(Vec<Unit>& units, const Graph& g);
// What branches give lies where the outputs of their node do, where it has their shape; what a loop carries lies there
// from the beginning.
void lay_results(Views& views, const Vec<Unit>& units, const Graph& g);

// What is left of a kernel, maybe no stage, where no other's views stand in its way: what it costs before all
// kernels are known. nullopt: all of it.
std::optional<Kernel> left_by_views(const Kernel& k, const Graph& g);

}  // namespace rlx
