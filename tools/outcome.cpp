#include "outcome.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "ending.h"
#include "last_words.h"
#include "support/codes.h"
#include "support/fd.h"
#include "support/log.h"

namespace rlx::tools {
namespace {

constexpr int kWrongUsage = 2001;

// Before anything is parsed, so that a wrong command line is answered in JSON too.
bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    if (std::string_view(argv[i]) == "--json") return true;
  }
  return false;
}

// Else the next file that is opened would get their numbers, and what is printed. Writing to these
// fails, as it should.
void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDONLY);
  }
}

// Messages begin in lower case, and are of one line.
std::string message_of(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (text.ends_with(' ') || text.ends_with('.')) text.pop_back();
  const bool capital =
      text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z';
  if (capital) text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

Outcome::Outcome(std::string tool, int argc, char** argv) : json_(wants_json(argc, argv)) {
  open_standard_descriptors();
  // A limit on the size of files is a write that fails, like a full disk, and not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  report_.tool = std::move(tool);
  report_.argv.assign(argv, argv + argc);
  install_endings(json_ ? json_beginning(report_) : std::string());
  log::on_warning([this](std::string_view line) { warned(line); });
}

Outcome::~Outcome() { log::on_warning({}); }

std::optional<int> Outcome::parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& e) {
    std::ostringstream out, err;
    app.exit(e, out, err);
    print(out.str());
    item([text = out.str()](JsonWriter& json) {
      json.begin_object();
      json.member("text", text);
      json.end_object();
    });
  } catch (const CLI::ParseError& e) {
    fail(Error(kWrongUsage, message_of(e.what()), report_.tool + " --help"));
  }
  return end();
}

void Outcome::set_model(const std::string& model, bool named) {
  model_ = model;
  model_named_ = named;
  set_subject(named ? model : std::string());
}

void Outcome::write(std::string_view text) {
  if (unwritten_ == 0 && !write_all(STDOUT_FILENO, bytes_of(text))) unwritten_ = errno;
}

void Outcome::print(std::string_view text) {
  if (!json_) write(text);
}

void Outcome::fail(const Error& e) {
  Vec<driver::Reported> problems;
  for (const Diagnostic& d : e.items) problems.push_back({d, model_});
  fail(problems);
}

void Outcome::fail(const Vec<driver::Reported>& problems) {
  for (driver::Reported d : problems) {
    if (report_.exit_code == 0) report_.exit_code = std::max(1, d.code / 1000);
    report_.diagnostics.push_back(d);
    if (d.model == model_ && !model_named_) d.model.clear();
    (void)write_all(STDERR_FILENO, bytes_of(to_text(d)));
  }
}

void Outcome::warned(std::string_view line) {
  const std::lock_guard guard(mutex_);
  report_.warnings.push_back({std::string(line), model_});
}

void Outcome::item(std::function<void(JsonWriter&)> write) {
  report_.items.push_back(std::move(write));
}

void Outcome::answer(driver::Answer answer) {
  print(answer.text);
  for (auto& item : answer.items) this->item(std::move(item));
  fail(answer.problems);
}

int Outcome::end() {
  report_.wall_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  // Whoever ends the tool meanwhile has written the document.
  if (!begin_ending()) ::pause();
  if (json_) write(to_json(report_));
  // Some file systems say only now that there was no space.
  if (unwritten_ == 0 && ::close(STDOUT_FILENO) != 0) unwritten_ = errno;
  if (unwritten_ != 0) {
    fail(Error(kCannotWriteFile,
               fmt::format("cannot write the result to stdout: {}", std::strerror(unwritten_))));
  }
  return report_.exit_code;
}

}  // namespace rlx::tools
