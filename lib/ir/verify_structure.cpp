#include <algorithm>

#include "ir/codes.h"
#include "ir/verifier.h"

namespace rlx {
namespace {

std::string number(ValueId v) { return "%" + std::to_string(v.index); }

// A region that is being walked, nodes before `next` being done.
struct OpenFrame {
  RegionId region;
  // Sorted.
  Values captures;
  size_t next = 0;
};

class StructureVerifier {
 public:
  explicit StructureVerifier(const Graph& g)
      : g_(g),
        home_(g.values.size()),
        placed_nodes_(g.nodes.size()),
        owned_regions_(g.regions.size()) {}

  Status run() && {
    if (g_.regions.empty()) return Error(kInvalidGraph, "the graph has no region");
    enter(Graph::kTop);
    while (!open_.empty()) step();
    if (!problems_.empty()) return Error(std::move(problems_));
    return {};
  }

 private:
  void step() {
    OpenFrame& frame = open_.back();
    const Region& region = g_[frame.region];
    if (frame.next < region.nodes.size()) return node(region.nodes[frame.next++]);
    uses(region.results, false,
         [&] { return "the results of region " + std::to_string(frame.region.index); });
    open_.pop_back();
  }

  void enter(RegionId r) {
    owned_regions_[r.index] = true;
    Values captures = g_[r].captures;
    std::sort(captures.begin(), captures.end());
    open_.push_back({r, std::move(captures)});
    const Values& arguments = g_[r].arguments;
    for (size_t i = 0; i < arguments.size(); ++i) {
      define(arguments[i], {.kind = ValueDef::Kind::kArgument, .region = r}, i);
    }
  }

  void node(NodeId id) {
    if (id.index >= g_.nodes.size()) return problem("a region names a node that is not there");
    if (placed_nodes_[id.index]) return problem(name(id) + " stands in two places");
    placed_nodes_[id.index] = true;
    if (!g_[id].attrs.op()) return problem(name(id) + " has no operator");
    uses(g_[id].inputs, true, [&] { return name(id); });
    regions(id);
  }

  // Captures are what the node sees, hence before it has outputs.
  void regions(NodeId id) {
    Vec<RegionId> owned;
    for (const RegionId r : g_[id].regions) {
      if (r.index >= g_.regions.size() || owned_regions_[r.index]) {
        problem(name(id) + " owns a region that is not there or has another owner");
        continue;
      }
      owned_regions_[r.index] = true;
      uses(g_[r].captures, false, [&] { return "the captures of " + name(id); });
      owned.push_back(r);
    }
    const Values& outputs = g_[id].outputs;
    for (size_t i = 0; i < outputs.size(); ++i) define(outputs[i], {.node = id}, i);
    for (size_t i = owned.size(); i-- > 0;) enter(owned[i]);
  }

  // `user` names who uses them; it is asked only where that is wrong.
  template <class Namer>
  void uses(const Values& values, bool may_lack, const Namer& user) {
    for (const ValueId v : values) {
      if (v.valid() ? is_visible(v) : may_lack) continue;
      problem(user() + " use " + (v.valid() ? number(v) : "nothing") +
              ", which is not defined before or not captured");
    }
  }

  bool is_visible(ValueId v) const {
    if (v.index >= g_.values.size()) return false;
    const ValueDef& def = g_[v].def;
    if (def.kind == ValueDef::Kind::kDims) return true;
    if (def.kind == ValueDef::Kind::kConstant) return def.constant.index < g_.constants.size();
    const OpenFrame& frame = open_.back();
    return home_[v.index] == frame.region ||
           std::binary_search(frame.captures.begin(), frame.captures.end(), v);
  }

  // v is told to be what defines it, as its index-th.
  void define(ValueId v, const ValueDef& expected, size_t index) {
    if (v.index >= g_.values.size()) return problem("a definition names a value that is not there");
    const ValueDef& def = g_[v].def;
    const bool agrees = def.kind == expected.kind && def.node == expected.node &&
                        def.region == expected.region && def.index == index;
    if (!agrees) return problem(number(v) + " does not know what defines it");
    home_[v.index] = open_.back().region;
  }

  std::string name(NodeId id) const {
    const Node& node = g_[id];
    const std::string op(node.attrs.op() ? node.op_name() : "?");
    const std::string origin = node.origin.empty() ? "" : " (" + node.origin.front() + ")";
    return "node " + std::to_string(id.index) + ", " + op + origin + ",";
  }

  void problem(std::string message) {
    problems_.push_back({.code = kInvalidGraph, .message = std::move(message)});
  }

  const Graph& g_;
  // The region that defines a value, once the walk has seen it.
  Vec<RegionId> home_;
  Vec<bool> placed_nodes_, owned_regions_;
  Vec<OpenFrame> open_;
  Vec<Diagnostic> problems_;
};

}  // namespace

Status verify_structure(const Graph& g) { return StructureVerifier(g).run(); }

}  // namespace rlx
