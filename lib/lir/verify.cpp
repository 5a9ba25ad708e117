#include "lir/codes.h"
#include "lir/lir.h"

namespace rlx {
namespace {

Error bad(const std::string& what) { return Error(kBrokenLir, "lir: " + what); }

Status verify_placed(const Lir& lir, const Placed& p) {
  if (p.value.index >= lir.graph.values.size()) return bad("a placed value does not exist");
  if (p.buffer >= lir.buffers.size()) return bad("a placed value has no buffer");
  const Type& type = lir.graph[p.value].type;
  if (p.storage.padding.size() != type.shape.size()) {
    return bad("a storage has another rank than its value");
  }
  if (Status sound = verify(p.storage, type.rank()); !sound) {
    return bad(sound.error().first().message);
  }
  const LirBuffer& b = lir.buffers[p.buffer];
  if (b.dtype != type.dtype || b.elements != storage_elements(p.storage, type.shape)) {
    return bad("a placed value has a buffer of another type or size");
  }
  const bool constant = lir.graph[p.value].def.kind == ValueDef::Kind::kConstant;
  if (constant != (lir.buffers[p.buffer].role == LirBuffer::Role::kConstant)) {
    return bad("a constant lies in a buffer of another role");
  }
  return {};
}

Status verify_group(const Lir& lir, const Group& g) {
  if (g.args.empty()) return bad("kernel " + g.name + " has no arguments");
  for (const uint32_t a : g.args) {
    if (a >= lir.placed.size()) {
      return bad("kernel " + g.name + " names a value that is not placed");
    }
  }
  for (const NodeId n : g.nodes) {
    if (n.index >= lir.graph.nodes.size()) {
      return bad("kernel " + g.name + " names a node that does not exist");
    }
  }
  if (g.nodes.empty() && g.args.size() != 2) {
    return bad("copy " + g.name + " has not two arguments");
  }
  return {};
}

}  // namespace

Status verify(const Lir& lir) {
  for (const Fusion& f : lir.fusions) {
    if (f.writer.index >= lir.graph.nodes.size() || f.reader.index >= lir.graph.nodes.size()) {
      return bad("a fusion names a node that does not exist");
    }
  }
  for (const Placed& p : lir.placed) RLX_TRY_VOID(verify_placed(lir, p));
  for (const Group& g : lir.groups) RLX_TRY_VOID(verify_group(lir, g));
  for (const LirBuffer& b : lir.buffers) {
    if (b.first > b.last || b.last >= std::max<size_t>(1, lir.groups.size())) {
      return bad("a lifetime ends before it begins");
    }
  }
  return {};
}

}  // namespace rlx
