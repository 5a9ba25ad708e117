// What a tool says beside its result: levels to stderr, spdlog behind it.
#pragma once
#include <functional>
#include <string_view>

#include "support/result.h"

namespace rlx::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

// From -v, -q and RLX_LOG; warnings and errors by default.
void set_level(Level level);
// Whether a line of that level would be seen: for lines that are dear to make.
bool enabled(Level level);
// Each writes one line, "warning: cache: ...".
void debug(std::string_view line);
void info(std::string_view line);
// "note: ...": shown by default, and not under -q.
void note(std::string_view line);
void warning(std::string_view line);
// Gets each warning too, shown or not, from whatever thread. Before there are others.
void on_warning(std::function<void(std::string_view)> chosen);
void error(std::string_view line);
// A line per diagnostic, "error RLX-E4012: ...".
void error(const Error& e);

}  // namespace rlx::log
