// How a tool ends when it cannot go on: killed by a signal, out of memory, a bug of ours. Each way
// says why on stderr, and with --json writes the one document all the same.
#pragma once
#include <string>

namespace rlx::tools {

// From here on. `document` is the beginning of the JSON document, up to its status; empty without
// --json.
void install_endings(std::string document);

}  // namespace rlx::tools
