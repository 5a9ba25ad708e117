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

// Whether so many of the CPUs that this process may run on have nothing to run, as far as the system says. `loadavg`: what
// stands in /proc/loadavg, "0.20 0.18 0.12 1/80 11206", of which the 1 are those that run or could, the reader among them.
bool has_idle_cpus(int wanted);
bool has_idle_cpus(const std::string& loadavg, int wanted);

}  // namespace rlx::runtime::cpu
