// An entry as data, and the text of its commit record (cache-format/README.md).
//
// Nothing in it differs from run to run: two compiles of one request give the same bytes. What does
// differ (times, boot, producer) is Stats.
#pragma once
#include <map>
#include <string>

#include "support/digest.h"
#include "support/result.h"

namespace rlx::cache {

enum class Role {
  // Becomes code: digested at each read, never mapped from the file.
  kImage,
  // Raw bytes of constants kept in the cache.
  kWeights,
  // Constants as the generated code wants them.
  kForm,
  // Raw bytes of constants that stay in the model's files (cache/external.h). A bundle brings them along: then they
  // are in the cache too.
  kExternal,
};

std::string_view name(Role role);

struct BlobRef {
  Digest digest;
  int64_t size = 0;
  Role role = Role::kForm;
  // The writer's own words, such as a form's name and shape; the cache only keeps them.
  std::string note = {};

  bool operator==(const BlobRef&) const = default;
};

struct Entry {
  std::string key;
  // Of everything that decided the result; a key chosen by the user does not say.
  Digest action = {};
  // Of the graph with its constants, and without.
  Digest fingerprint = {};
  Digest structure = {};
  // Set by Store::publish from the text that it is given.
  Digest lir = {};
  int64_t lir_size = 0;
  // In the writer's order.
  Vec<BlobRef> blobs = {};
  // What went into the action, by name: the value itself where it is short ("dim batch" = "8"), else
  // its digest. Says later why a request missed.
  std::map<std::string, std::string> inputs = {};
  // Versions and build ids, by name.
  std::map<std::string, std::string> toolchain = {};
  // Instruction sets that the images use, sorted.
  Vec<std::string> isa = {};

  bool operator==(const Entry&) const = default;
  // The first blob of that role; null where there is none.
  const BlobRef* find(Role role) const;
};

// What a compile took: kept beside the entry, for people and for the choice of victims.
struct Stats {
  int64_t compile_ms = 0;
  // "rlxc 0.1.0".
  std::string producer = {};
};

// The canonical text of KEY.meta.json, its own digest included.
std::string meta_text(const Entry& entry);

// The entry that the text of KEY.meta.json says. kForeign: another format. kDamaged: not what
// meta_text makes of it, byte for byte, or not of that key.
Result<Entry> parse_meta(std::string_view key, std::string_view text);

}  // namespace rlx::cache
