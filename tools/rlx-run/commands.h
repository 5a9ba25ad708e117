// The commands of rlx-run: which one is meant, and the one that runs nothing.
#pragma once
#include "../outcome.h"

namespace rlx::tools {

// "rlx-run MODEL" is "rlx-run run MODEL"; `run` is the word's memory.
Vec<char*> with_command(int argc, char** argv, std::string& run);
// `rlx-run devices`: what can run models here.
void list_devices(Outcome& outcome);

}  // namespace rlx::tools
