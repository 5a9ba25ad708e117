#include "plan/relax.h"

#include <algorithm>

#include "ir/index_sources.h"

namespace rlx {

void relax_products(Vec<Unit>& units, const Graph& g) {
  const Vec<bool> is_source = index_sources(g);
  for (Unit& u : units) {
    const bool decides = std::ranges::any_of(
        u.kernel.args, [&](const Arg& a) { return a.written && is_source[a.value.index]; });
    for (Stage& s : u.kernel.stages) s.relaxed = is_product(s) && !decides;
  }
}

}  // namespace rlx
