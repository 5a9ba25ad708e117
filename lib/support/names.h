// Help for a name that does not exist.
#pragma once
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx {

// "did you mean \"seq\"? known are batch, seq", the question only where a name is near.
std::string hint_for(std::string_view wrong, const Vec<std::string>& known);

}  // namespace rlx
