#include "ir/order.h"

namespace rlx {
namespace {

// A region that is being walked.
struct Frame {
  RegionId region;
  bool entered = false;
  size_t next = 0;
};

class Walk {
 public:
  explicit Walk(const Graph& g) : g_(g), seen_(g.values.size()) {}

  DefinitionOrder run() && {
    open_.push_back({Graph::kTop});
    while (!open_.empty()) step();
    return std::move(order_);
  }

 private:
  void step() {
    Frame& frame = open_.back();
    const Region& region = g_[frame.region];
    if (!frame.entered) {
      frame.entered = true;
      return enter(frame.region);
    }
    if (frame.next < region.nodes.size()) return visit(region.nodes[frame.next++]);
    use(region.results);
    open_.pop_back();
  }

  void enter(RegionId r) {
    order_.regions.push_back(r);
    define(g_[r].arguments);
    use(g_[r].captures);
  }

  void visit(NodeId id) {
    const Node& node = g_[id];
    use(node.inputs);
    order_.nodes.push_back(id);
    define(node.outputs);
    // The last one opened is walked first.
    for (size_t i = node.regions.size(); i-- > 0;) open_.push_back({node.regions[i]});
  }

  void define(const Values& values) {
    for (const ValueId v : values) add(v);
  }

  void use(const Values& values) {
    for (const ValueId v : values) {
      if (v.valid() && is_free(g_[v].def.kind)) add(v);
    }
  }

  static bool is_free(ValueDef::Kind kind) {
    return kind == ValueDef::Kind::kConstant || kind == ValueDef::Kind::kDims;
  }

  void add(ValueId v) {
    if (seen_[v.index]) return;
    seen_[v.index] = true;
    order_.values.push_back(v);
  }

  const Graph& g_;
  Vec<bool> seen_;
  Vec<Frame> open_;
  DefinitionOrder order_;
};

}  // namespace

DefinitionOrder definition_order(const Graph& g) { return Walk(g).run(); }

}  // namespace rlx
