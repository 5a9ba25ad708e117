// Which storage each value gets, from what the chosen algorithms need of their operands.
//
// Graph inputs and outputs are row-major: they are the user's. So is what goes into regions and comes out of them, which
// is planned by itself. A constant gets one packed form for each
// storage asked of it. Any other value gets the storage that its first reader with a need asks for, widened
// to the halos of the readers that agree with it; else what its writer prefers; else it follows the order of
// an operand of its writer of the same shape (so channels-last spreads through elementwise kernels); else
// row-major. A reader that needs another storage reads a copy, made once by a kernel of its own.
//
// A view lies as its container does (plan/views.h), which is placed by the same rules with the first of its
// parts: what readers need of a part counts as theirs of the whole where the part can have it. A result that may
// replaces an operand of the same storage that dies there (plan/in_place.h).
#pragma once
#include "lir/lir.h"
#include "plan/views.h"

namespace rlx {

// Fills Lir::placed and Lir::groups (copies included) from the units and what their choices need:
// wishes[unit][arg]. Buffers are assigned later.
void lay_out(Lir& lir, const Vec<Unit>& units, const Views& views, const Vec<Alternative>& choices,
             bool in_place);

// The storage that serves the first of the needs and as many others as its padding can be widened for; nullopt
// where none asks for one.
std::optional<Storage> wanted_by(const Vec<const Need*>& needs);

// The kernel that copies a value between two storages.
Kernel copy_kernel(const Graph& g, ValueId v, const Storage& from, const Storage& to);
// What the menu says of one from row-major; nothing where it has none.
Cost cost_of_copy(const Graph& g, ValueId v, const Storage& to, const Target& target, Menu menu);

}  // namespace rlx
