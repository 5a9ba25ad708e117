#include "passes/share_constants.h"

#include <map>
#include <tuple>

namespace rlx {

Status share_constants(Graph& g) {
  std::map<std::tuple<Digest, DType, Vec<int64_t>>, ValueId> first;
  std::map<ValueId, ValueId> replacement;
  for (size_t i = 0; i < g.values.size(); ++i) {
    const ValueDef& def = g.values[i].def;
    if (def.kind != ValueDef::Kind::kConstant) continue;
    const Constant& c = g.constants[def.constant.index];
    auto [at, is_new] = first.emplace(std::tuple(c.digest, c.dtype, c.shape), ValueId(i));
    if (!is_new) replacement.emplace(ValueId(i), at->second);
  }
  g.replace_uses(replacement);
  return {};
}

}  // namespace rlx
