// The inside of Store, shared by the files that read (store.cpp) and write (publish.cpp).
#pragma once
#include <atomic>

#include "cache/root.h"
#include "cache/signature.h"
#include "cache/store.h"

namespace rlx::cache {

inline constexpr size_t kMaxMeta = size_t{8} << 20;
inline constexpr size_t kMaxLir = size_t{1} << 30;

// A folder that is only read, below the cache itself.
struct Layer {
  Layer(const Options& o, Root r)
      : options(o), root(std::move(r.folder)), shared(r.shared), blobs(root, options) {}

  Options options;
  Folder root;
  bool shared;
  Blobs blobs;
};

// The entry of that key in one folder, and its LIR. Errors: kMissing, kDamaged, kForeign, kCannotRead.
Result<Entry> read_entry(const Folder& root, std::string_view key);
Result<std::string> read_lir(const Folder& root, const Entry& entry);

struct Store::Impl {
  Impl(const Options& o, Root r)
      : options(o), root(std::move(r.folder)), shared(r.shared), blobs(root, options) {}

  bool writable() const { return root.ok() && options.mode != Mode::kReadOnly; }
  Status open_layers();
  std::string why_off() const;
  Lookup find(std::string_view key, const Wanted& wanted) const;
  Result<std::string> signed_text(const std::string& key, const std::string& meta) const;
  void note(const Lookup& found, std::string_view key, bool again) const;

  Status publish(Entry entry, std::string_view lir, const Stats& stats);
  Status keep_blobs(const Entry& entry);
  Status make_room(const std::string& key);
  Status commit(const Entry& entry, std::string_view lir, const std::string& meta);
  Status place(const Entry& entry, std::string_view lir, const std::string& meta,
               const std::string& signatures);
  Status flush(const std::string& key);
  void write_stats(const std::string& key, const Stats& stats) const;
  // Trouble with writing: an error under strict, else the first one is a warning.
  Status tolerate(Status status);
  void complain(std::string_view line);

  Options options;
  Folder root;
  bool shared;
  Blobs blobs;
  Vec<std::unique_ptr<Layer>> layers;
  std::atomic<bool> warned = false;
  // How many Publications live.
  std::atomic<int> publications = 0;
  // Why the folder could not be opened; then, what first kept the last entry from being stored.
  std::optional<Error> trouble = {};
};

}  // namespace rlx::cache
