// UTF-8, as Unicode has it: no overlong forms, no surrogates.
#pragma once
#include <cstddef>
#include <string_view>

namespace rlx {

// Bytes of the sequence at the start of text; 0 where there is no valid one.
size_t utf8_length(std::string_view text);

}  // namespace rlx
