// Places that only the run knows: what NonZero, Compress and Unique are made of.
#pragma once
#include "op/shared/formula.h"

namespace rlx {

// 0, 1, ... to before n, an i64 vector.
Wire counted(Formula& f, const Dim& n);
// Where the flags, a vector of bool, are true, in order: as many places as `count`, a symbol that gets its value here.
//
// Each true flag's place is written where the number of those before it says, those of false ones behind all others;
// what is not told lies in memory that is planned.
Wire true_places(Wire flags, const Dim& count);

}  // namespace rlx
