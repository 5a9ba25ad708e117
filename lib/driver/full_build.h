// A tool without a compiler starts in half the time: nothing of LLVM is mapped, relocated or initialised. rlx-run is linked so,
// as a hit calls nothing of it. The same tool with a compiler is installed in the folder of libraries (CMakeLists.txt).
#pragma once

namespace rlx::driver {

// Where code has to be made, before anything is said or locked: where this build cannot, the process becomes the one that can,
// with the same arguments, files and environment. Returns where this one can, or no other is there: who then goes on is
// told that there is no compiler.
void become_full_build();

}  // namespace rlx::driver
