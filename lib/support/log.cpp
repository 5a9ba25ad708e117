#include "support/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace rlx::log {
namespace {

// "warning: line" on stderr. Made at first use and never destroyed, so that late threads may log.
spdlog::logger& logger() {
  static spdlog::logger& made = *[] {
    auto* created = new spdlog::logger("rlx", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created->set_pattern("%v");
    created->set_level(spdlog::level::warn);
    created->flush_on(spdlog::level::trace);
    return created;
  }();
  return made;
}

std::function<void(std::string_view)>& listener() {
  static auto& made = *new std::function<void(std::string_view)>;
  return made;
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
    case Level::kOff: return spdlog::level::off;
  }
  return spdlog::level::off;
}

}  // namespace

void set_level(Level level) { logger().set_level(spdlog_level(level)); }
bool enabled(Level level) { return logger().should_log(spdlog_level(level)); }
void debug(std::string_view line) { logger().debug("debug: {}", line); }
void info(std::string_view line) { logger().info("info: {}", line); }
void note(std::string_view line) { logger().warn("note: {}", line); }
void on_warning(std::function<void(std::string_view)> chosen) { listener() = std::move(chosen); }
void warning(std::string_view line) {
  logger().warn("warning: {}", line);
  if (listener()) listener()(line);
}
void error(std::string_view line) { logger().error("error: {}", line); }

void error(const Error& e) {
  for (const Diagnostic& d : e.items) logger().error("{}", to_text(d));
}

}  // namespace rlx::log
