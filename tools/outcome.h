// What a tool has to say and how it ends: results on stdout, everything else on stderr, with --json
// one document on stdout and nothing else. The one place that writes to stdout, and that knows
// whether it arrived there.
#pragma once
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "driver/cache_commands.h"

// NOLINTNEXTLINE(readability-identifier-naming): CLI11's name.
namespace CLI {
class App;
}

namespace rlx::tools {

class Outcome {
 public:
  // First of all in main: whatever ends the tool from here on says so, and in JSON where argv says so.
  Outcome(std::string tool, int argc, char** argv);
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  ~Outcome();

  // Parses; the exit code where the tool ends here (help, a usage error).
  std::optional<int> parse(CLI::App& app, int argc, char** argv);

  bool json() const { return json_; }
  // The model that what follows is about. With `named`, messages say it.
  void set_model(const std::string& model, bool named);
  // A result for people; nothing with --json.
  void print(std::string_view text);
  // The first failure gives the exit code.
  void fail(const Error& e);
  void fail(const Vec<driver::Reported>& problems);
  void item(std::function<void(JsonWriter&)> write);
  // Its text, items and problems.
  void answer(driver::Answer answer);
  // The exit code.
  int end();

 private:
  void write(std::string_view text);
  void warned(std::string_view line);

  driver::Report report_;
  bool json_;
  std::string model_;
  bool model_named_ = false;
  // Why stdout did not take all of it.
  int unwritten_ = 0;
  // Warnings come from any thread.
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace rlx::tools
