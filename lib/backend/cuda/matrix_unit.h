// The instructions of matrix units, and those that bring them their operands: all of them from sm_80 on.
//
// Shared memory is addressed in its own space. What a warp does together, all of its threads do.
#pragma once
#include "backend/llvm/function.h"

namespace rlx::backend::cuda {

// 16 bytes of memory to shared memory, or 16 zeros where `is_there` (i1) is false; both addresses are multiples of 16.
// They are there when copies have been waited for, and all threads have met.
void copy_async(Function& f, llvm::Value* to, llvm::Value* from, llvm::Value* is_there);
// Ends a group of this thread's copies.
void commit_copies(Function& f);
// All of this thread's groups but the last `pending` have arrived.
void wait_for_copies(Function& f, int64_t pending);

// Four matrices of 8 x 8 numbers of 16 bits, a register each: thread i says where row i % 8 of matrix i / 8 begins, and
// gets, of matrix m, elements 2 (i % 4) and the next one of row i / 4; `transposed`, of column i / 4.
Regs load_matrices(Function& f, llvm::Value* row, bool transposed);

// 16 x 8 sums of f32, four a thread, and the products of 16 x 16 and 16 x 8 numbers: thread i has the sums of row i / 4,
// columns 2 (i % 4) and the next one, then the same of row i / 4 + 8.
Regs multiply(Function& f, DType type, const Regs& left, const Regs& right, const Regs& sums);

}  // namespace rlx::backend::cuda
