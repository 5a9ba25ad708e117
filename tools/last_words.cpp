#include "last_words.h"

#include <atomic>
#include <charconv>
#include <cstring>

#include <unistd.h>

#include "support/output_file.h"

namespace rlx::tools {
namespace {

// Made before anything can go wrong: what follows runs in signal handlers and without memory.
std::string& document() {
  static std::string& made = *new std::string;
  return made;
}
std::atomic<bool> begun = false;
char subject[512];

void put(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    if (done <= 0) return;
    text.remove_prefix(static_cast<size_t>(done));
  }
}

// As it stands between the quotes of a JSON string.
void put_escaped(int fd, std::string_view text) {
  for (const char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') put(fd, "\\");
    if (byte >= 0x20) put(fd, {&c, 1});
    if (byte < 0x20) put(fd, " ");
  }
}

void put_member(int fd, std::string_view name, std::string_view value) {
  put(fd, ",\"");
  put(fd, name);
  put(fd, "\":\"");
  put_escaped(fd, value);
  put(fd, "\"");
}

class Number {
 public:
  explicit Number(int value) { end_ = std::to_chars(digits_, digits_ + sizeof digits_, value).ptr; }
  std::string_view text() const { return {digits_, static_cast<size_t>(end_ - digits_)}; }

 private:
  char digits_[16];
  char* end_;
};

void put_line(const LastWords& last) {
  constexpr int fd = STDERR_FILENO;
  put(fd, "error RLX-E");
  put(fd, Number(last.code).text());
  put(fd, ": ");
  if (subject[0] != '\0') put(fd, subject), put(fd, ": ");
  put(fd, last.message);
  if (!last.node.empty()) put(fd, " [node "), put(fd, last.node), put(fd, "]");
  if (!last.hint.empty()) put(fd, "; hint: "), put(fd, last.hint);
  put(fd, "\n");
}

void put_document(const LastWords& last) {
  constexpr int fd = STDOUT_FILENO;
  put(fd, document());
  put(fd, "\"status\":\"error\",\"exit_code\":");
  put(fd, Number(last.code / 1000).text());
  put(fd, ",\"wall_ms\":0,\"diagnostics\":[{\"severity\":\"error\",\"code\":\"RLX-E");
  put(fd, Number(last.code).text());
  put(fd, "\"");
  put_member(fd, "message", last.message);
  if (!last.node.empty()) {
    put(fd, ",\"node\":{\"op\":\"\"");
    put_member(fd, "name", last.node);
    put(fd, "}");
  }
  if (!last.hint.empty()) put_member(fd, "hint", last.hint);
  if (subject[0] != '\0') put_member(fd, "model", subject);
  put(fd, "}],\"items\":[]}\n");
}

}  // namespace

void set_document(std::string beginning) { document() = std::move(beginning); }

void set_subject(std::string_view model) {
  const size_t size = std::min(model.size(), sizeof subject - 1);
  std::memcpy(subject, model.data(), size);
  subject[size] = '\0';
}

bool begin_ending() { return !begun.exchange(true); }

bool say(const LastWords& last) {
  if (!begin_ending()) return false;
  put_line(last);
  if (!document().empty()) put_document(last);
  remove_unfinished_outputs();
  return true;
}

}  // namespace rlx::tools
