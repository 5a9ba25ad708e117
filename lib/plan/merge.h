// Two kernels become the stages of one: loops and arguments that both have are told to be the same, the others
// apart. What every way of merging shares.
#pragma once
#include "plan/unit.h"

namespace rlx {

// Why two kernels stay apart: an error of code 0 whose message goes into --fusion-report.
Error refuse(std::string why);

// Whether a kernel of both stays within a bound of arguments and nodes. Nobody gains by more, and planning and
// compiling one cost more than in proportion: with a bound, a model costs in proportion to its nodes.
Status check_size(const Kernel& a, const Kernel& b);

using LoopNames = std::map<LoopId, LoopId>;

// Gives loops of k the ids that `names` says, which come from another kernel with `loop_count` of them; the
// others fresh ones.
void rename_apart(Kernel& k, LoopNames names, uint32_t& loop_count);

// Moves a grid loop into the loops of every stage (each gets its own); locals grow an axis.
void demote(Kernel& k, LoopId loop);

// The kernel without the grid loops of extent 1, but those that a convolution names: a number that is kept for each
// row, [rows, 1], is made and read in the grid of rows alone. nullopt: it has none.
std::optional<Kernel> without_unit_loops(const Kernel& k);

// Stages, arguments and locals of `from` behind those of `to`; loops are named apart already.
void append(Kernel& to, Kernel from);

// The kernel with the nodes of both; refused where it is unsound, which is a bug of who merged.
Result<Unit> merged_unit(Kernel k, const Unit& first, const Unit& second);

}  // namespace rlx
