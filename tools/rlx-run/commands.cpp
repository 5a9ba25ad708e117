#include "commands.h"

#include <algorithm>

#include "driver/devices.h"

namespace rlx::tools {
namespace {

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

}  // namespace

Vec<char*> with_command(int argc, char** argv, std::string& run) {
  Vec<char*> args(argv, argv + argc);
  auto names_command = [](const char* a) {
    return is_any_of(a, {"run", "profile", "bench", "devices"});
  };
  const bool bare = argc > 1 && std::none_of(args.begin() + 1, args.end(), names_command);
  if (bare && !is_any_of(args[1], {"-h", "--help", "--version"})) {
    args.insert(args.begin() + 1, run.data());
  }
  return args;
}

void list_devices(Outcome& outcome) {
  std::string text;
  for (const driver::DeviceLine& line : driver::devices()) {
    text += driver::to_text(line);
    outcome.item([line](JsonWriter& out) { write_json(out, line); });
  }
  outcome.print(text);
}

}  // namespace rlx::tools
