// Help for a name that does not exist.
#pragma once
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx::runtime {

// "did you mean 'mask'?" where a name is that near, else "known: ids, mask", else nothing.
std::string hint_for(std::string_view wrong, const Vec<std::string>& known);

}  // namespace rlx::runtime
