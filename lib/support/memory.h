// How much memory there is, asked before something big is taken: the system promises more than it has
// and kills whoever then uses it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "support/result.h"

namespace rlx {

// Bytes that this process can still take: what the machine, its control group and the limit on its
// address space leave. INT64_MAX where nothing says.
int64_t free_memory();

// Error 11102 that names `what`, "output 'y' f32[2147483647, 4]", where that many bytes are more than
// are free. Asks nobody about less than kSmallMemory.
Status check_memory(std::string_view what, uint64_t bytes);
inline constexpr uint64_t kSmallMemory = uint64_t{64} << 20;
// The same error, for who was refused.
Error no_memory_for(std::string_view what, uint64_t bytes);

// "32 GiB", "1.5 KiB".
std::string memory_text(uint64_t bytes);

}  // namespace rlx
