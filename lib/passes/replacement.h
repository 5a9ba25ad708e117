// Which values stand for others while a pass runs.
#pragma once
#include <map>

#include "ir/graph.h"

namespace rlx {

using Replacement = std::map<ValueId, ValueId>;

// What stands for v in the end.
inline ValueId resolved(const Replacement& replacement, ValueId v) {
  for (auto at = replacement.find(v); at != replacement.end(); at = replacement.find(v)) {
    v = at->second;
  }
  return v;
}

}  // namespace rlx
