// What was found damaged is moved aside with the reason: out of every reader's way, there to be
// looked at.
#pragma once
#include <string>

#include "cache/folder.h"

namespace rlx::cache {

// Moves the file to quarantine/, or removes it where that fails or it is big. Never an error: a
// reader that cannot tidy up has still found out.
void quarantine(const Folder& root, const Folder& from, const std::string& name,
                const std::string& reason);

}  // namespace rlx::cache
