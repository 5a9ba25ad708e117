// Reads, writes and whole stage bodies at a point.
//
// For a contraction's register tile: resolve() the epilogue's stages once with the tile's column loop as
// lane loop; then for each vector of the tile, take the Point of its row with_lanes() at its columns, put the
// sum into the local that the contraction writes (`locals[i]`), and emit_map() each stage of the epilogue.
#pragma once
#include "backend/common/ref.h"
#include "backend/llvm/emit_expr.h"

namespace rlx::backend {

// The element that r refers to, per lane or uniform. `nodes` are the values of the stage's body so far (for
// expr indexes); `locals` those of Kernel::locals that are in registers.
llvm::Value* emit_load(Function& f, const Ref& r, const Point& at, const Regs& nodes,
                       const Regs& locals);
void emit_store(Function& f, const Ref& r, const Point& at, const Regs& nodes, Regs& locals,
                llvm::Value* value);

// The values of the nodes that `roots` need, by ExprId; `acc` as Leaves::acc.
Regs emit_values(Function& f, const StageRefs& s, const Vec<ExprId>& roots, const Point& at,
                 const Regs& locals, const Regs& acc = {});
// The stage's results at a point, stored to memory or into `locals`.
void emit_results(Function& f, const StageRefs& s, const Point& at, Regs& locals,
                  const Regs& acc = {});
inline void emit_map(Function& f, const StageRefs& s, const Point& at, Regs& locals) {
  emit_results(f, s, at, locals);
}

}  // namespace rlx::backend
