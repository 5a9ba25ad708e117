#include "cache/verified.h"

#include <array>
#include <charconv>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "cache/clock.h"

namespace rlx::cache {
namespace {

// About 50,000 lines. Past it the file is begun anew.
constexpr size_t kMaxVerifiedSize = size_t{8} << 20;
constexpr size_t kCheckLength = 16;

std::string file_name() { return "verified-" + boot_id(); }

std::string check_of(std::string_view line) {
  return sha256(bytes_of(line)).hex().substr(0, kCheckLength);
}

// The word up to the next space, cut off from the text.
std::string_view next_word(std::string_view& text) {
  const size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

template <class Number>
bool next_number(std::string_view& text, Number& number) {
  const std::string_view word = next_word(text);
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace

Verified::Stamp Verified::stamp_of(const struct stat& file) {
  return {.device = file.st_dev,
          .inode = file.st_ino,
          .size = file.st_size,
          .mtime_ns = nanoseconds(file.st_mtim),
          .ctime_ns = nanoseconds(file.st_ctim)};
}

std::string Verified::line_of(const Digest& digest, const Stamp& s) {
  const std::string line = fmt::format("{} {} {} {} {} {}", digest.hex(), s.device, s.inode, s.size,
                                       s.mtime_ns, s.ctime_ns);
  return line + ' ' + check_of(line) + '\n';
}

void Verified::read_line(std::string_view line) {
  const size_t last = line.rfind(' ');
  if (last == std::string_view::npos || check_of(line.substr(0, last)) != line.substr(last + 1)) {
    return;
  }
  line = line.substr(0, last);
  auto digest = Digest::from_hex(next_word(line));
  Stamp s;
  const bool whole = next_number(line, s.device) && next_number(line, s.inode) &&
                     next_number(line, s.size) && next_number(line, s.mtime_ns) &&
                     next_number(line, s.ctime_ns) && line.empty();
  if (digest && whole) stamps_[*digest] = s;
}

void Verified::load() {
  if (std::exchange(loaded_, true) || boot_id().empty()) return;
  const Folder stamps = root_.below("stamps");
  if (!stamps.ok()) return;
  auto file = stamps.open_file(file_name());
  if (!file || file->stat.st_uid != ::geteuid() || file->stat.st_nlink != 1) return;
  auto text = read_whole(*file, file_name(), kMaxVerifiedSize);
  if (!text) return;
  text_ = std::move(*text);
  for (std::string_view rest = text_; !rest.empty();) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    lines_[line.substr(0, line.find(' '))] = line;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void Verified::look_at(const Digest& digest) {
  load();
  const auto line = lines_.find(digest.hex());
  if (line == lines_.end()) return;
  read_line(line->second);
  lines_.erase(line);
}

// Never through a link, and never into a file that has another name elsewhere.
void Verified::append(const std::string& line) const {
  const Folder stamps = root_.make("stamps");
  if (!stamps.ok()) return;
  const Fd fd(::openat(stamps.fd(), file_name().c_str(),
                       O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat s;
  if (!fd.ok() || ::fstat(fd.get(), &s) != 0 || !S_ISREG(s.st_mode) || s.st_nlink != 1) return;
  if (s.st_uid != ::geteuid()) return;
  if (static_cast<size_t>(s.st_size) + line.size() > kMaxVerifiedSize &&
      ::ftruncate(fd.get(), 0) != 0) {
    return;
  }
  write_all(fd.get(), bytes_of(line));
}

bool Verified::knows(const Digest& digest, const struct stat& file) {
  const std::lock_guard guard(mutex_);
  look_at(digest);
  auto found = stamps_.find(digest);
  return found != stamps_.end() && found->second == stamp_of(file);
}

void Verified::add(const Digest& digest, const struct stat& file) {
  const std::lock_guard guard(mutex_);
  look_at(digest);
  const Stamp stamp = stamp_of(file);
  stamps_[digest] = stamp;
  if (remember_ && !boot_id().empty()) append(line_of(digest, stamp));
}

}  // namespace rlx::cache
