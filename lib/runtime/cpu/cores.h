// How many threads are worth having here.
#pragma once
#include <string>

namespace rlx::runtime::cpu {

// Physical cores that this process may run on (sched_getaffinity), at most the CPU time that its control
// groups grant (cpu.max); at least 1.
int default_threads();

// CPUs' worth of time that the control group at `path` below `root` and the groups around it grant, rounded
// up; INT_MAX: any.
int granted_cpus(const std::string& root, std::string path);

}  // namespace rlx::runtime::cpu
