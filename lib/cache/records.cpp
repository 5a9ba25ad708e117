#include "cache/records.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/key.h"
#include "cache/note.h"
#include "cache/store_impl.h"
#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr std::string_view kRecordSuffix = ".meta.json";
// A miss is explained in milliseconds, however big the cache is.
constexpr size_t kMostCompared = 500;
// Weights differ whenever the graph does.
constexpr std::string_view kGraph = "graph", kWeights = "weights";

Result<Entry> read_record(const Folder& root, const std::string& key, struct stat& stat) {
  RLX_TRY(const File file, root.open_file(meta_name(key)));
  stat = file.stat;
  RLX_TRY(const std::string text, read_whole(file, meta_name(key), kMaxMeta));
  return parse_meta(key, text);
}

// nullopt where it was removed since it was listed.
std::optional<Record> read_record(const Folder& root, std::string key) {
  struct stat stat = {};
  auto entry = read_record(root, key, stat);
  if (!entry && entry.error().first().code == kMissing) return std::nullopt;
  return Record{.key = std::move(key), .entry = std::move(entry), .stat = stat};
}

// "resnet50-": what keys of one model begin with.
std::string_view model_of(std::string_view key) {
  key = key.substr(0, key.find("__"));
  return key.substr(0, key.rfind('-') + 1);
}

bool is_digest(const std::string& value) { return Digest::from_hex(value).has_value(); }

// A digest is cut to what tells two of them apart.
std::string shown(const std::string& value) {
  if (value.empty()) return "none";
  return is_digest(value) ? value.substr(0, 12) : value;
}

// Another value is nearer than none.
int64_t distance(const Vec<Difference>& all) {
  int64_t sum = 0;
  for (const Difference& d : all) sum += d.wanted.empty() || d.stored.empty() ? 2 : 1;
  return sum;
}

}  // namespace

Vec<std::string> keys_of(const Vec<std::string>& names) {
  Vec<std::string> keys;
  for (const std::string& name : names) {
    if (!name.ends_with(kRecordSuffix)) continue;
    std::string key = name.substr(0, name.size() - kRecordSuffix.size());
    if (check_key(key)) keys.push_back(std::move(key));
  }
  return keys;
}

Vec<std::string> keys(const Folder& root) { return keys_of(root.names()); }

bool for_each_record(const Folder& root, const std::function<void(const Record&)>& visit) {
  return for_each_changed_record(root, nullptr, visit);
}

bool for_each_changed_record(
    const Folder& root, const std::function<bool(const std::string&, const struct stat&)>& changed,
    const std::function<void(const Record&)>& visit) {
  auto names = root.list();
  if (!names) return false;
  for (std::string& key : keys_of(*names)) {
    struct stat s;
    if (changed && ::fstatat(root.fd(), meta_name(key).c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 &&
        !changed(key, s)) {
      continue;
    }
    if (auto record = read_record(root, std::move(key))) visit(*record);
  }
  return true;
}

std::optional<StoredStats> read_stats(const Folder& root, std::string_view key) {
  const Folder folder = root.below("stats");
  if (!folder.ok() || !check_key(key)) return std::nullopt;
  auto json = read_note(folder, std::string(key) + ".json");
  if (!json) return std::nullopt;
  const JsonReader reader(*json, "stats");
  auto compile_ms = reader.integer("compile_ms");
  auto producer = reader.string("producer");
  auto created = reader.string("created");
  if (!compile_ms || !producer || !created) return std::nullopt;
  return StoredStats{{*compile_ms, *producer}, *created};
}

Vec<Difference> differences(const Inputs& wanted, const Inputs& stored) {
  Vec<Difference> all;
  for (const auto& [name, value] : wanted) {
    auto other = stored.find(name);
    if (other == stored.end()) {
      all.push_back({name, value, ""});
    } else if (other->second != value) {
      all.push_back({name, value, other->second});
    }
  }
  for (const auto& [name, value] : stored) {
    if (!wanted.contains(name)) all.push_back({name, "", value});
  }
  const bool other_graph = std::ranges::find(all, kGraph, &Difference::name) != all.end();
  if (other_graph) std::erase_if(all, [](const Difference& d) { return d.name == kWeights; });
  return all;
}

std::optional<Nearest> nearest(const Store& store, std::string_view key, const Inputs& wanted) {
  std::optional<Nearest> best;
  if (!store.root().ok()) return best;
  Vec<std::string> keys = cache::keys(store.root());
  // Those of the same model first.
  std::ranges::stable_partition(keys,
                                [&](const std::string& k) { return k.starts_with(model_of(key)); });
  keys.resize(std::min(keys.size(), kMostCompared));
  // Of equal ones, the most recently used.
  std::pair<int64_t, int64_t> best_rank;
  for (std::string& other : keys) {
    auto record = read_record(store.root(), std::move(other));
    if (!record || !record->entry || record->entry->inputs.empty()) continue;
    Vec<Difference> all = differences(wanted, record->entry->inputs);
    const std::pair<int64_t, int64_t> rank{distance(all), -record->stat.st_mtim.tv_sec};
    if (best && rank >= best_rank) continue;
    best = Nearest{std::move(record->key), std::move(all)};
    best_rank = rank;
  }
  return best;
}

std::string to_text(const Difference& d) {
  if (is_digest(d.wanted) && is_digest(d.stored)) return fmt::format("{} differs", d.name);
  return fmt::format("{} is {} there and {} here", d.name, shown(d.stored), shown(d.wanted));
}

std::string to_text(const Nearest& nearest) {
  Vec<std::string> texts;
  for (const Difference& d : nearest.differences) texts.push_back(to_text(d));
  return fmt::format("the nearest entry is {}: {}", nearest.key,
                     texts.empty() ? "made from the same" : fmt::to_string(fmt::join(texts, ", ")));
}

}  // namespace rlx::cache
