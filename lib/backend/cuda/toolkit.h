// Programs of NVIDIA's toolkit, which is nowhere needed: machine code ahead of the first run, and how it reads.
#pragma once
#include <string>

#include "target/target.h"

namespace rlx::backend::cuda {

// Of this process: where ptxas is. Without it, the one on the PATH.
void use_ptxas(std::string path);

// Machine code of a module of PTX; empty where there is no ptxas. Error 7003, with what it says, where the one that was
// asked for fails; of one that only happens to be on the PATH a warning.
Result<std::string> assemble(const std::string& ptx, const CudaTarget& target);
// Machine code as nvdisasm lists it; error 7003 where one of the two programs is not there.
Result<std::string> disassemble(const std::string& ptx, const CudaTarget& target);

}  // namespace rlx::backend::cuda
