#include "cache/names.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/key.h"
#include "cache/note.h"
#include "cache/records.h"
#include "cache/signature.h"
#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr std::string_view kTagSuffix = ".ref.json";
constexpr size_t kShortest = 6;
constexpr size_t kMostListed = 5;

std::string tag_file(std::string_view name) { return std::string(name) + std::string(kTagSuffix); }

std::string tag_text(std::string_view key) {
  JsonWriter writer;
  writer.begin_object();
  writer.member("key", key);
  writer.end_object();
  return writer.take() + '\n';
}

// Empty where it is none.
std::string read_tag(const Folder& root, std::string_view name) {
  auto json = read_note(root, tag_file(name));
  if (!json) return {};
  auto key = JsonReader(*json, "tag").string("key");
  return key && check_key(*key) ? *key : std::string();
}

bool has_entry(const Folder& root, std::string_view key) {
  struct stat s;
  return ::fstatat(root.fd(), meta_name(key).c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0;
}

// "resnet50-1a2b...": the beginning of the key, or of the digest that follows its last dash.
bool begins(std::string_view key, std::string_view text) {
  if (key.starts_with(text)) return true;
  const size_t dash = key.rfind('-');
  const size_t bound = key.rfind("__");
  if (bound != std::string_view::npos && key.substr(bound + 2).starts_with(text)) return true;
  return dash != std::string_view::npos && bound == std::string_view::npos &&
         key.substr(dash + 1).starts_with(text);
}

Vec<std::string> keys_beginning(const Folder& root, std::string_view text) {
  Vec<std::string> keys = cache::keys(root);
  std::erase_if(keys, [&](const std::string& key) { return !begins(key, text); });
  // A template's digest begins its variants' keys too.
  if (keys.size() > 1 && std::ranges::all_of(keys, [&](const std::string& k) {
        return k.starts_with(keys[0] + "__") || k == keys[0];
      })) {
    keys.resize(1);
  }
  return keys;
}

Error ambiguous(std::string_view text, Vec<std::string> keys) {
  size_t more = keys.size() - std::min(keys.size(), kMostListed);
  keys.resize(keys.size() - more);
  return Error(kNoEntry, fmt::format("'{}' begins several keys", text),
               fmt::format("{}{}", fmt::join(keys, ", "),
                           more ? fmt::format(" and {} more", more) : std::string()));
}

// Gone afterwards; whether it was there.
Result<bool> remove_file(const Folder& folder, const std::string& name) {
  if (::unlinkat(folder.fd(), name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  return folder.error(kCannotWrite, "remove", name);
}

}  // namespace

Result<std::string> resolve(const Store& store, std::string_view text) {
  const Folder& root = store.root();
  if (!check_key(text) || !root.ok()) {
    return Error(kNoEntry, fmt::format("no entry '{}'", text), "`rlx-cache ls` lists them");
  }
  if (has_entry(root, text)) return std::string(text);
  if (std::string key = read_tag(root, text); !key.empty()) return key;
  Vec<std::string> keys = text.size() < kShortest ? Vec<std::string>() : keys_beginning(root, text);
  if (keys.size() == 1) return keys[0];
  if (keys.size() > 1) return ambiguous(text, std::move(keys));
  return Error(kNoEntry, fmt::format("no entry '{}'", text), "`rlx-cache ls` lists them");
}

Status set_tag(const Store& store, std::string_view name, std::string_view key) {
  RLX_TRY_VOID(check_key(name));
  RLX_TRY_VOID(store.check_writable());
  const Folder& root = store.root();
  if (has_entry(root, name)) {
    return Error(kBadKey, fmt::format("'{}' is a key", name), "choose another name");
  }
  if (!has_entry(root, key)) return Error(kNoEntry, fmt::format("no entry '{}'", key));
  return put_file(root, root, tag_file(name), bytes_of(tag_text(key)), store.options().durability);
}

Result<bool> remove_tag(const Store& store, std::string_view name) {
  RLX_TRY_VOID(store.check_writable());
  if (!check_key(name)) return false;
  return remove_file(store.root(), tag_file(name));
}

Vec<Tag> tags(const Store& store) {
  Vec<Tag> all;
  for (const std::string& file : store.root().names()) {
    if (!file.ends_with(kTagSuffix)) continue;
    std::string name = file.substr(0, file.size() - kTagSuffix.size());
    std::string key = check_key(name) ? read_tag(store.root(), name) : std::string();
    if (!key.empty()) all.push_back({std::move(name), std::move(key)});
  }
  return all;
}

Status pin(const Store& store, std::string_view key) {
  RLX_TRY_VOID(check_key(key));
  RLX_TRY_VOID(store.check_writable());
  if (!has_entry(store.root(), key)) return Error(kNoEntry, fmt::format("no entry '{}'", key));
  const Folder folder = store.root().make("pins");
  if (!folder.ok()) return store.root().error(kCannotWrite, "make", "pins");
  return put_file(folder, store.root(), std::string(key), {}, store.options().durability);
}

Result<bool> unpin(const Store& store, std::string_view key) {
  RLX_TRY_VOID(store.check_writable());
  const Folder folder = store.root().below("pins");
  if (!folder.ok() && errno != ENOENT) return store.root().error(kCannotWrite, "open", "pins");
  if (!folder.ok() || !check_key(key)) return false;
  return remove_file(folder, std::string(key));
}

Vec<std::string> pins(const Folder& root) {
  const Folder folder = root.below("pins");
  return folder.ok() ? folder.names() : Vec<std::string>();
}

Result<bool> remove(const Store& store, std::string_view key) {
  RLX_TRY_VOID(check_key(key));
  RLX_TRY_VOID(store.check_writable());
  const Folder& root = store.root();
  // Not between a publisher's LIR and its record.
  const KeyLock lock = store.lock(key, std::chrono::seconds(10));
  const bool there = has_entry(root, key);
  for (const std::string& name : {meta_name(key), lir_name(key), signature_name(key)}) {
    if (!root.remove(name)) return root.error(kCannotWrite, "remove", name);
  }
  for (const Tag& tag : tags(store)) {
    if (tag.key == key) RLX_TRY_VOID(remove_tag(store, tag.name));
  }
  RLX_TRY_VOID(unpin(store, key));
  if (const Folder stats = root.below("stats"); stats.ok()) {
    stats.remove(std::string(key) + ".json");
  }
  return there;
}

}  // namespace rlx::cache
