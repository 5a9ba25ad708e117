// Loops replaced by expressions over other loops, symbols by numbers.
#pragma once
#include <functional>
#include <map>

#include "kernel/kernel.h"

namespace rlx {

using LoopMap = std::map<LoopId, Dim>;

// d with loops replaced; others stay.
Dim substitute_loops(const Dim& d, const LoopMap& loops);
// In every index and index expression of the stage; its own loops and its detail stay.
void substitute_loops(Stage& s, const LoopMap& loops);

// Every expression over symbols in the kernel.
void each_dim(Kernel& k, const std::function<void(Dim&)>& f);

// The kernel with these symbols as numbers, by their names.
Kernel at_values(Kernel k, const std::map<std::string, Dim>& values);

}  // namespace rlx
