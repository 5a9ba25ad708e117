// Which products may be computed by rows of the menu that are not exact: with the option "math" left at "default"
// convolutions of f32, as Winograd has the precision that is asked of f32, and products of floats of 16 bits, whose own
// rounding is far above that of sums in f32; with "fast", or "precision" being "bf16", all products; with "exact"
// none. Never those that an extent or an index is computed from
// (ir/index_sources.h).
//
// It is said of each stage before anything is merged. The kernels' texts say it, so that the menu, the replay of
// a stored plan and the backend's check find the same rows, and a plan that was made without the option has none.
#pragma once
#include "plan/unit.h"

namespace rlx {

// Each allows what those before it do.
enum class Relaxed : uint8_t { kNothing, kDefault, kProducts };

// `is_source`: index_sources of the graph.
void relax_products(Vec<Unit>& units, const Vec<bool>& is_source, Relaxed what);

}  // namespace rlx
