// What inference does about sequences and optionals: it knows what each of them holds (op/shared/list_ctx.h), and what goes
// into and comes out of regions is written as the tensors that are held. No list is left in a graph that is inferred
// (docs/design/014-sequences.md).
#pragma once
#include "op/shared/list_ctx.h"
#include "passes/replacement.h"

namespace rlx {

// A loop with more trips is not unrolled.
inline constexpr int64_t kMostTrips = 256;

class ListExpansion {
 public:
  ListExpansion(Graph& g, const Replacement& replacement) : g_(g), replacement_(replacement) {}

  bool is_empty() const { return lists_.empty(); }
  bool has(ValueId v) const { return lists_.contains(resolved(replacement_, v)); }
  void add(ValueId v, ListResult list);
  // What the outputs of a node on lists are; nodes that it takes are added to the region. Also of an identity, and of a
  // sequence_map, whose region is copied for each element.
  Result<Vec<ListResult>> outputs_of(RegionId region, NodeId id, const Vec<Known>& known);
  // Before the regions of a node are looked at: what they capture, and what a loop carries.
  void expand_operands(NodeId id);
  // After that: what they give. False where the lists differ, so that nothing could be changed.
  bool expand_results(NodeId id);
  // The outputs of a loop of which that is said, its body being copied for each trip into a region.
  Values unroll(NodeId loop, RegionId to, int64_t trips);
  // A loop as the model has it.
  const Values& inputs_of(NodeId loop) const { return loops_.at(loop).inputs; }
  const Region& body_of(NodeId loop) const { return g_[loops_.at(loop).body]; }
  // Each list among the graph's outputs becomes outputs called after it, with a number.
  void expand_outputs();

 private:
  struct OpenLoop {
    // A copy of the body as it was.
    RegionId body;
    Values inputs;
    // Of the body that is expanded, as they were.
    Values arguments;
  };

  const Values& list(ValueId v) const { return lists_.at(resolved(replacement_, v)); }
  ListResult result_of(ValueId v) const;
  // Lists among them replaced by the tensors that they hold.
  Values tensors(const Values& values) const;
  bool are_alike(ValueId a, ValueId b) const;
  void expand_captures(RegionId r);
  void expand_loop(NodeId id);
  // Each output is what the result is.
  void expand_outputs_of(NodeId id, const Values& results);
  // Makes v a list like another one, each tensor being what `make` gives.
  template <class Make>
  void add_like(ValueId v, ValueId other, const Make& make);
  Result<Vec<ListResult>> map_over(RegionId region, NodeId id, const Vec<Known>& known);
  // The results of a body, copied for these arguments.
  Values run_once(RegionId body, Replacement values, RegionId to);
  ValueId stacked(const Values& slices, RegionId to, const Origin& origin);

  Graph& g_;
  const Replacement& replacement_;
  Lists lists_;
  std::map<NodeId, OpenLoop> loops_;
};

}  // namespace rlx
