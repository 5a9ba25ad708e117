#include "cache/inflight.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cache/key.h"
#include "cache/lock.h"
#include "cache/note.h"
#include "cache/stamp.h"
#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr std::string_view kInflightSuffix = ".json";

std::string file_of(std::string_view key) {
  return std::string(key) + std::string(kInflightSuffix);
}

std::string host_name() {
  std::array<char, 256> name = {};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

int64_t seconds_since(int64_t ns) { return (Snapshot::now_ns() - ns) / 1'000'000'000; }

}  // namespace

InflightNote::InflightNote(const Folder& root, std::string key)
    : root_(&root), key_(std::move(key)), start_ns_(Snapshot::now_ns()) {
  phase("start");
}

InflightNote::InflightNote(InflightNote&& other) noexcept
    : root_(std::exchange(other.root_, nullptr)),
      key_(std::move(other.key_)),
      start_ns_(other.start_ns_) {}

InflightNote& InflightNote::operator=(InflightNote&& other) noexcept {
  remove();
  root_ = std::exchange(other.root_, nullptr);
  key_ = std::move(other.key_);
  start_ns_ = other.start_ns_;
  return *this;
}

InflightNote::~InflightNote() { remove(); }

void InflightNote::remove() {
  if (!root_) return;
  const Folder notes = root_->below("inflight");
  if (notes.ok()) notes.remove(file_of(key_));
  root_ = nullptr;
}

void InflightNote::phase(std::string_view name) {
  if (!root_) return;
  const Folder notes = root_->make("inflight");
  if (!notes.ok()) return;
  JsonWriter writer;
  writer.begin_object();
  writer.member("host", host_name());
  writer.member("phase", name);
  writer.member("process", static_cast<int64_t>(::getpid()));
  writer.member("start_ns", start_ns_);
  writer.end_object();
  (void)put_file(notes, *root_, file_of(key_), bytes_of(writer.take() + '\n'), Durability::kFast);
}

std::string progress_of(const Folder& root, std::string_view key) {
  const Folder notes = root.below("inflight");
  if (!notes.ok()) return {};
  auto json = read_note(notes, file_of(key));
  if (!json) return {};
  const JsonReader reader(*json, "note");
  auto host = reader.string("host"), phase = reader.string("phase");
  auto process = reader.integer("process"), start = reader.integer("start_ns");
  if (!host || !phase || !process || !start) return {};
  return fmt::format("process {} on {}, {} s in, {}", *process, *host, seconds_since(*start),
                     *phase);
}

bool is_at_work(const Folder& root, std::string_view file_name) {
  if (!file_name.ends_with(kInflightSuffix)) return false;
  const std::string_view key = file_name.substr(0, file_name.size() - kInflightSuffix.size());
  return check_key(key) && is_locked(root, key);
}

}  // namespace rlx::cache
