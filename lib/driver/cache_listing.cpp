#include "driver/cache_listing.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cache/codes.h"
#include "cache/names.h"
#include "cache/records.h"
#include "cache/remote.h"
#include "cache/signature.h"
#include "cache/stamp.h"
#include "driver/open_entry.h"
#include "driver/toolchain.h"
#include "runtime/binding.h"

namespace rlx::driver {
namespace {

using cache::Entry;
using cache::Record;
using cache::Store;

int64_t bytes_of_entry(const Entry& entry) {
  int64_t bytes = entry.lir_size;
  for (const cache::BlobRef& blob : entry.blobs) {
    if (blob.role != cache::Role::kExternal) bytes += blob.size;
  }
  return bytes;
}

std::string target_of(const Entry& entry) {
  auto target = entry.inputs.find("target");
  return target == entry.inputs.end() ? "?" : target->second;
}

bool is_stale(const Entry& entry) {
  auto compiler = entry.toolchain.find("compiler");
  return compiler != entry.toolchain.end() && compiler->second != compiler_id();
}

Row row_of(const Store& store, const Record& record) {
  Row row{.key = record.key, .bytes = record.stat.st_size, .used_s = record.stat.st_mtim.tv_sec};
  if (!record.entry) {
    row.problem = record.entry.error().first().message;
    return row;
  }
  row.bytes += bytes_of_entry(*record.entry);
  row.target = target_of(*record.entry);
  row.dims = dims_bound(record.entry->inputs);
  row.stale = is_stale(*record.entry);
  if (auto stats = cache::read_stats(store.root(), record.key)) {
    row.compile_ms = stats->stats.compile_ms;
  }
  return row;
}

std::string row_line(const Row& row) {
  if (!row.problem.empty()) return fmt::format("{}  {}\n", row.key, row.problem);
  std::string marks;
  for (const std::string& tag : row.tags) marks += "  " + tag;
  if (row.pinned) marks += "  pinned";
  if (row.stale) marks += "  of another compiler";
  return fmt::format("{}  {:>10}  {}  compiled in {} ms  {}{}\n", row.key,
                     cache::size_text(row.bytes), last_use(row), row.compile_ms, row.target, marks);
}

int64_t rank(const Row& row, Order order) {
  switch (order) {
    case Order::kAge: return row.used_s;
    case Order::kSize: return row.bytes;
    case Order::kCost: return row.compile_ms;
  }
  return 0;
}

std::string signer_of(const Store& store, const Entry& entry) {
  auto text = store.root().read(cache::signature_name(entry.key), size_t{1} << 20);
  auto signatures = text ? cache::parse_signatures(*text)
                         : Result<Vec<cache::Signature>>(Vec<cache::Signature>());
  if (!signatures || signatures->empty()) return "nobody";
  const std::string signer =
      cache::TrustedKeys::load().signer(entry.key, cache::meta_text(entry), *signatures);
  return signer.empty() ? signatures->front().key_id + ", not trusted" : signer;
}

// ---- doctor

// The folders that entries lie in, and what is in them.
Status check_readable(const cache::Folder& root) {
  if (!root.list()) return root.error(cache::kCannotRead, "list", "the cache");
  std::string path;
  cache::Folder folder = cache::Folder::open(root.path());
  for (const char* name : {"cas", "sha256"}) {
    path += path.empty() ? name : std::string("/") + name;
    folder = folder.below(name);
    if (!folder.ok() && errno == ENOENT) return {};
    if (!folder.ok()) return root.error(cache::kCannotRead, "open", path);
  }
  for (const std::string& shard : folder.names()) {
    if (folder.below(shard).ok() || errno == ENOENT) continue;
    return root.error(cache::kCannotRead, "open", fmt::format("{}/{}", path, shard));
  }
  return {};
}

Check check_place(const cache::Options& options) {
  auto opened = Store::open(options);
  std::optional<Error> trouble = opened ? opened->trouble() : opened.error();
  if (trouble) return {"folder", trouble->first().message, false, trouble->first().hint};
  if (!opened->root().ok()) {
    return {"folder", "there is none at " + options.root, false,
            "the first model that is compiled makes it"};
  }
  if (Status list = check_readable(opened->root()); !list) {
    return {"folder", list.error().first().message, false, list.error().first().hint};
  }
  if (options.mode == cache::Mode::kReadOnly) {
    return {.what = "folder", .found = options.root + ", only read"};
  }
  Status writable = opened->check_writable();
  if (!writable) {
    return {"folder", writable.error().first().message, false, writable.error().first().hint};
  }
  return {.what = "folder", .found = options.root};
}

Check check_file_system(const cache::Options& options) {
  struct statfs fs;
  if (::statfs(options.root.c_str(), &fs) != 0) return {"file system", std::strerror(errno), false};
  auto type = static_cast<uint32_t>(fs.f_type);
  const bool remote = cache::is_remote_file_system(type);
  return {"file system", fmt::format("type {:x}{}", type,
                                     remote ? ", remote: files are read, not mapped" : ", local")};
}

Check check_space(const cache::Options& options) {
  struct statvfs fs;
  if (::statvfs(options.root.c_str(), &fs) != 0) return {"space", std::strerror(errno), false};
  auto bytes = static_cast<int64_t>(fs.f_bavail * fs.f_frsize);
  const bool good = bytes > (int64_t{64} << 20) && (fs.f_files == 0 || fs.f_favail > 100);
  return {"space",
          fmt::format("{} and {} inodes free", cache::size_text(bytes),
                      static_cast<int64_t>(fs.f_favail)),
          good, "free some, or `rlx-cache gc --max-size=...`"};
}

Check check_unnamed_files(const cache::Options& options) {
  const Fd fd(::open(options.root.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd.ok() && (errno == EACCES || errno == EROFS)) {
    return {"unnamed files", "not to be tried: the folder may not be written"};
  }
  return {"unnamed files", fd.ok() ? "yes" : "no: entries are written under temporary names"};
}

Check check_locks(const cache::Options& options) {
  Status good = cache::check_locks(cache::Folder::open(options.root));
  if (good) return {"locks", "yes"};
  const Diagnostic& why = good.error().first();
  return {"locks", why.message, false,
          why.hint.empty() ? "use a file system with open-file-description locks" : why.hint};
}

Check check_limits(const cache::Options& options) {
  auto shown = [](int64_t n) { return n == INT64_MAX ? std::string("none") : cache::size_text(n); };
  return {"limits", fmt::format("{}, {} files", shown(options.limits.max_bytes),
                                options.limits.max_files == INT64_MAX
                                    ? std::string("any number of")
                                    : std::to_string(options.limits.max_files))};
}

std::string_view name(cache::RemoteMode mode) {
  switch (mode) {
    case cache::RemoteMode::kReadOnly: return "read";
    case cache::RemoteMode::kReadWrite: return "read and written";
    case cache::RemoteMode::kOff: return "off";
  }
  return "";
}

Check check_remote() {
  auto options = cache::remote_from_environment();
  if (!options) {
    return {"remote", options.error().first().message, false, options.error().first().hint};
  }
  const cache::Remote remote(*options);
  if (!remote.ok()) return {"remote", "none"};
  auto ms = remote.ping();
  if (!ms) return {"remote", ms.error().first().message, false, "check RLX_REMOTE"};
  const bool can_sign =
      options->mode != cache::RemoteMode::kReadWrite || cache::SigningKey::load().ok();
  return {"remote", fmt::format("{}, {}, {} ms", options->url, name(options->mode), *ms), can_sign,
          "pushing needs a signing key: `rlx-cache keygen`"};
}

}  // namespace

void write_json(JsonWriter& out, const Dims& dims) {
  out.key("dims");
  out.begin_object();
  for (const auto& [name, value] : dims) out.member(name, value);
  out.end_object();
}

void write_json(JsonWriter& out, const Row& row) {
  out.begin_object();
  out.member("key", row.key);
  out.member("bytes", row.bytes);
  out.member("used_s", row.used_s);
  out.member("compile_ms", row.compile_ms);
  out.member("target", row.target);
  write_json(out, row.dims);
  out.member("pinned", row.pinned);
  out.member("stale", row.stale);
  out.key("tags");
  out.values(std::span<const std::string>(row.tags));
  if (!row.problem.empty()) out.member("problem", row.problem);
  out.end_object();
}

std::string last_use(const Row& row) {
  const int64_t age = std::max<int64_t>(0, static_cast<int64_t>(::time(nullptr)) - row.used_s);
  return fmt::format("used {} ago", cache::duration_text(age));
}

Result<Vec<Row>> rows_of(const Store& store, const std::function<bool(const Record&)>& is_asked) {
  Vec<Row> rows;
  if (!store.root().ok()) return rows;
  const bool listed = cache::for_each_record(store.root(), [&](const Record& record) {
    if (is_asked(record)) rows.push_back(row_of(store, record));
  });
  if (!listed) return store.root().error(cache::kCannotRead, "list", "the cache");
  const Vec<std::string> pinned = cache::pins(store.root());
  const Vec<cache::Tag> tags = cache::tags(store);
  for (Row& row : rows) {
    row.pinned = std::ranges::binary_search(pinned, row.key);
    for (const cache::Tag& tag : tags) {
      if (tag.key == row.key) row.tags.push_back(tag.name);
    }
  }
  return rows;
}

Result<Answer> listing(const Store& store, Order order, const std::string& model) {
  RLX_TRY(Vec<Row> rows,
          rows_of(store, [&](const Record& record) { return record.key.starts_with(model); }));
  std::ranges::stable_sort(rows, {}, [&](const Row& row) { return rank(row, order); });
  Answer answer;
  for (const Row& row : rows) {
    answer.text += row_line(row);
    answer.items.emplace_back([row](JsonWriter& out) { write_json(out, row); });
  }
  return answer;
}

namespace {

struct StateRow {
  std::string input, output;
  int64_t axis = 0;
};

// Of the entry's image; none where there is none to read.
Vec<StateRow> states_of(const Store& store, const Entry& entry) {
  Vec<StateRow> rows;
  const auto image = open_image(store, entry);
  if (!image) return rows;
  for (const image::State& s : image->states) {
    const image::Tensor& input = image->inputs[s.input];
    rows.push_back({runtime::signature(*image, input), image->outputs[s.output].name, s.axis});
  }
  return rows;
}

void write_states(JsonWriter& out, const Vec<StateRow>& states) {
  if (states.empty()) return;
  out.key("states");
  out.begin_array();
  for (const StateRow& s : states) {
    out.begin_object();
    out.member("input", s.input);
    out.member("output", s.output);
    out.member("axis", s.axis);
    out.member("capacity", "grows");
    out.member("init", "empty");
    out.end_object();
  }
  out.end_array();
}

// " in /models/a.onnx at 4096", of what stays in a model's file.
std::string place_of(const cache::BlobRef& blob, const std::optional<cache::Sources>& sources) {
  if (blob.role != cache::Role::kExternal) return "";
  if (!sources) return " in its model's file, wherever that is";
  const auto at = std::ranges::find(sources->constants, blob.digest, &cache::Source::digest);
  if (at == sources->constants.end()) return " in its model's file, wherever that is";
  const auto file = static_cast<size_t>(at->file);
  return fmt::format(" in {} at {}", sources->snapshot.files[file].path, at->offset);
}

}  // namespace

void describe(const Store& store, const Entry& entry, Answer& answer) {
  auto stats = cache::read_stats(store.root(), entry.key);
  std::string& text = answer.text;
  text += fmt::format("key          {}\nsize         {}\n", entry.key,
                      cache::size_text(bytes_of_entry(entry)));
  if (stats) {
    text += fmt::format("made         {} by {} in {} ms\n", stats->created, stats->stats.producer,
                        stats->stats.compile_ms);
  }
  text += fmt::format("signed by    {}\n", signer_of(store, entry));
  text += fmt::format("isa          {}\n", fmt::join(entry.isa, " "));
  for (const auto& [name, value] : entry.inputs) {
    text += fmt::format("input        {} = {}\n", name, value);
  }
  const auto sources = cache::find_sources(store, entry.key);
  for (const cache::BlobRef& blob : entry.blobs) {
    text += fmt::format("blob         {} {} {}{}\n", blob.digest.hex(), name(blob.role),
                        cache::size_text(blob.size), place_of(blob, sources));
  }
  const Vec<StateRow> states = states_of(store, entry);
  for (const StateRow& s : states) {
    text += fmt::format("state        {} begins empty or as given, grows along axis {} to {}\n",
                        s.input, s.axis, s.output);
  }
  answer.items.emplace_back([meta = cache::meta_text(entry), key = entry.key,
                             bytes = bytes_of_entry(entry), inputs = entry.inputs, isa = entry.isa,
                             states](JsonWriter& out) {
    out.begin_object();
    out.member("key", key);
    out.member("bytes", bytes);
    out.key("isa");
    out.values(std::span<const std::string>(isa));
    out.key("inputs");
    out.begin_object();
    for (const auto& [name, value] : inputs) out.member(name, value);
    out.end_object();
    write_states(out, states);
    out.member("meta", meta);
    out.end_object();
  });
}

Vec<Check> examine(const cache::Options& options) {
  Vec<Check> checks{check_place(options)};
  if (!checks[0].good) return checks;
  return {checks[0],
          check_file_system(options),
          check_space(options),
          check_unnamed_files(options),
          check_locks(options),
          check_limits(options),
          check_remote()};
}

}  // namespace rlx::driver
