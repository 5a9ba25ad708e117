// What a tool says when it ends in the middle of something: a line on stderr, and with --json the one
// document on stdout. All of it runs in signal handlers and without memory.
#pragma once
#include <string>
#include <string_view>

#include "support/ending.h"

namespace rlx::tools {

// The beginning of the JSON document, up to its status; empty without --json.
void set_document(std::string beginning);
// The model that is worked on. Cut where it is very long.
void set_subject(std::string_view model);
// True once a process: whoever gets it writes the document, everybody else only ends.
bool begin_ending();
// False where somebody else is ending the tool already. Outputs that are not whole are gone afterwards.
bool say(const LastWords& last);

}  // namespace rlx::tools
