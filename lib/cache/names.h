// What people call entries: tags, unique beginnings of keys, and pins that keep them.
#pragma once
#include "cache/store.h"

namespace rlx::cache {

// The key that `text` means: a key, a tag, or the beginning of one key or of the digest in it, of at
// least 6 letters. Errors (kNoEntry) list what it could be.
Result<std::string> resolve(const Store& store, std::string_view text);

// A name for a key that stays when the key it stands for changes: NAME.ref.json. Errors: not a name,
// no such entry, a folder that cannot be written.
Status set_tag(const Store& store, std::string_view name, std::string_view key);
// False where there was none.
Result<bool> remove_tag(const Store& store, std::string_view name);
struct Tag {
  std::string name, key;
};
// Sorted by name; those that cannot be read are left out.
Vec<Tag> tags(const Store& store);

// A pinned entry outlives every limit, and goes only by remove().
Status pin(const Store& store, std::string_view key);
Result<bool> unpin(const Store& store, std::string_view key);
// Sorted.
Vec<std::string> pins(const Folder& root);

// Takes the entry away, record first, with its tags, pin and notes. Its blobs stay for the
// collector. False where it was not there.
Result<bool> remove(const Store& store, std::string_view key);

}  // namespace rlx::cache
