#include "cache/stamp.h"

#include <algorithm>
#include <ctime>

#include <unistd.h>

#include "cache/key.h"
#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr int64_t kDoubtNs = 2'000'000'000;
constexpr size_t kMaxStampSize = size_t{8} << 20;
constexpr size_t kHexLength = 64;
constexpr int64_t kStampFormat = 2;

using Layout = JsonWriter::Layout;

// A stamp of either kind: a request's has no constants, an entry's sources have some.
struct Stamp {
  std::string key;
  // The file's own name: a stamp that was renamed over another says nothing.
  std::string name;
  Digest action = {};
  Sources sources;
};

std::string request_name(const Store& store, const Request& request) {
  Hasher hasher("rlx.v1.request");
  hasher.field("model", request.model);
  hasher.field("options", request.options);
  hasher.field("build_id", request.build_id);
  hasher.field("salt", store.options().salt);
  return hasher.finish().hex() + ".stamp";
}

std::string sources_name(std::string_view key) { return std::string(key) + ".sources"; }

void write_file_stamp(JsonWriter& writer, const FileStamp& file) {
  writer.begin_object();
  writer.member("path", file.path);
  writer.member("device", file.device);
  writer.member("inode", file.inode);
  writer.member("size", file.size);
  writer.member("mtime_ns", file.mtime_ns);
  writer.member("ctime_ns", file.ctime_ns);
  writer.end_object();
}

void write_source(JsonWriter& writer, const Source& source) {
  writer.begin_object();
  writer.member("sha256", source.digest.hex());
  writer.member("file", source.file);
  writer.member("offset", source.offset);
  writer.member("size", source.size);
  writer.end_object();
}

template <class T>
void write_list(JsonWriter& writer, std::string_view name, const Vec<T>& items,
                void (*write)(JsonWriter&, const T&)) {
  writer.key(name);
  writer.begin_array(Layout::kLines);
  for (const T& item : items) write(writer, item);
  writer.end_array();
}

// The digest of the rest on the first line, then JSON.
std::string stamp_text(const Stamp& stamp) {
  JsonWriter writer;
  writer.begin_object(Layout::kLines);
  writer.member("format", kStampFormat);
  writer.member("key", stamp.key);
  writer.member("name", stamp.name);
  writer.member("action", stamp.action.hex());
  writer.member("taken_ns", stamp.sources.snapshot.taken_ns);
  write_list(writer, "files", stamp.sources.snapshot.files, write_file_stamp);
  write_list(writer, "constants", stamp.sources.constants, write_source);
  writer.end_object();
  const std::string json = writer.take() + '\n';
  return sha256(bytes_of(json)).hex() + '\n' + json;
}

Result<FileStamp> read_file_stamp(const JsonReader& reader) {
  FileStamp file;
  RLX_TRY(file.path, reader.string("path"));
  RLX_TRY(const JsonReader device, reader.get("device"));
  RLX_TRY(file.device, device.natural());
  RLX_TRY(const JsonReader inode, reader.get("inode"));
  RLX_TRY(file.inode, inode.natural());
  RLX_TRY(file.size, reader.integer("size"));
  RLX_TRY(file.mtime_ns, reader.integer("mtime_ns"));
  RLX_TRY(file.ctime_ns, reader.integer("ctime_ns"));
  return file;
}

Result<Source> read_source(const JsonReader& reader) {
  Source source;
  RLX_TRY(const std::string hex, reader.string("sha256"));
  auto digest = Digest::from_hex(hex);
  if (!digest) return reader.wrong("no digest");
  source.digest = *digest;
  RLX_TRY(source.file, reader.integer("file"));
  RLX_TRY(source.offset, reader.integer("offset"));
  RLX_TRY(source.size, reader.integer("size"));
  return source;
}

template <class T>
Result<Vec<T>> read_list(const JsonReader& reader, std::string_view name,
                         Result<T> (*read)(const JsonReader&)) {
  RLX_TRY(const JsonReader list, reader.get(name));
  RLX_TRY(const Vec<JsonReader> items, list.items());
  Vec<T> values;
  values.reserve(items.size());
  for (const JsonReader& item : items) {
    RLX_TRY(T value, read(item));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Stamp> parse(std::string_view json) {
  RLX_TRY(const Json tree, Json::parse(json));
  const JsonReader reader(tree, "stamp");
  RLX_TRY(const int64_t format, reader.integer("format"));
  if (format != kStampFormat) return reader.wrong("another format");
  Stamp stamp;
  RLX_TRY(stamp.key, reader.string("key"));
  RLX_TRY(stamp.name, reader.string("name"));
  RLX_TRY(const std::string action, reader.string("action"));
  auto digest = Digest::from_hex(action);
  if (!digest) return reader.wrong("no digest");
  stamp.action = *digest;
  RLX_TRY(stamp.sources.snapshot.taken_ns, reader.integer("taken_ns"));
  RLX_TRY(stamp.sources.snapshot.files, read_list(reader, "files", read_file_stamp));
  RLX_TRY(stamp.sources.constants, read_list(reader, "constants", read_source));
  return stamp;
}

bool still_holds(const Snapshot& snapshot) {
  return !snapshot.files.empty() && !is_in_doubt(snapshot) && is_unchanged(snapshot);
}

// The stamp of that name, if it is whole and ours.
std::optional<Stamp> find_stamp(const Store& store, const std::string& name) {
  const Folder stamps = store.root().below("stamps");
  if (!stamps.ok() || store.options().mode == Mode::kRefresh) return std::nullopt;
  auto file = stamps.open_file(name);
  if (!file || file->stat.st_uid != ::geteuid()) return std::nullopt;
  auto text = read_whole(*file, name, kMaxStampSize);
  if (!text || text->size() <= kHexLength) return std::nullopt;
  const std::string_view json = std::string_view(*text).substr(kHexLength + 1);
  if (!text->starts_with(sha256(bytes_of(json)).hex() + '\n')) return std::nullopt;
  auto stamp = parse(json);
  if (!stamp || stamp->name != name) return std::nullopt;
  return std::move(*stamp);
}

// Without effect where the store cannot be written: the next start only takes longer.
void write(const Store& store, const Stamp& stamp) {
  if (!store.writable()) return;
  const Folder stamps = store.root().make("stamps");
  if (!stamps.ok()) return;
  (void)put_file(stamps, store.root(), stamp.name, bytes_of(stamp_text(stamp)), Durability::kFast);
}

bool inside_files(const Sources& sources) {
  const Vec<FileStamp>& files = sources.snapshot.files;
  return std::all_of(sources.constants.begin(), sources.constants.end(), [&](const Source& s) {
    if (s.file < 0 || s.file >= static_cast<int64_t>(files.size())) return false;
    const int64_t size = files[static_cast<size_t>(s.file)].size;
    return s.offset >= 0 && s.size >= 0 && s.offset <= size && s.size <= size - s.offset;
  });
}

}  // namespace

int64_t Snapshot::now_ns() {
  struct timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool is_unchanged(const Snapshot& snapshot) {
  return std::all_of(snapshot.files.begin(), snapshot.files.end(), [](const FileStamp& file) {
    auto now = stamp_of(file.path);
    return now && *now == file;
  });
}

bool is_in_doubt(const Snapshot& snapshot) {
  return std::any_of(snapshot.files.begin(), snapshot.files.end(), [&](const FileStamp& file) {
    return std::max(file.mtime_ns, file.ctime_ns) > snapshot.taken_ns - kDoubtNs;
  });
}

std::optional<Stamped> find_stamp(const Store& store, const Request& request) {
  auto stamp = find_stamp(store, request_name(store, request));
  if (!stamp || !check_key(stamp->key)) return std::nullopt;
  const Snapshot& snapshot = stamp->sources.snapshot;
  if (!still_holds(snapshot) || snapshot.files.front().path != request.model) return std::nullopt;
  return Stamped{std::move(stamp->key), stamp->action};
}

void write_stamp(const Store& store, const Request& request, const Snapshot& snapshot,
                 const Stamped& stamped) {
  if (is_in_doubt(snapshot)) return;
  write(store, {.key = stamped.key,
                .name = request_name(store, request),
                .action = stamped.action,
                .sources = {snapshot, {}}});
}

std::optional<Sources> find_sources(const Store& store, std::string_view key) {
  if (!check_key(key)) return std::nullopt;
  auto stamp = find_stamp(store, sources_name(key));
  if (!stamp || stamp->key != key || !inside_files(stamp->sources)) return std::nullopt;
  stamp->sources.unchanged = still_holds(stamp->sources.snapshot);
  return std::move(stamp->sources);
}

void write_sources(const Store& store, std::string_view key, const Sources& sources) {
  if (check_key(key)) {
    write(store, {.key = std::string(key), .name = sources_name(key), .sources = sources});
  }
}

}  // namespace rlx::cache
