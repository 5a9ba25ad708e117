// How a tool ends when it cannot go on: killed by a signal, out of memory, a bug of ours. Each way
// says why on stderr, and with --json writes the one document all the same.
#pragma once
#include <string>

namespace rlx::tools {

// From here on. `beginning` is that of the JSON document, up to its status; empty without
// --json.
void install_endings(std::string beginning);

}  // namespace rlx::tools
