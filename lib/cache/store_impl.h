// The inside of Store, shared by the files that read (store.cpp) and write (publish.cpp).
#pragma once
#include <atomic>

#include "cache/store.h"

namespace rlx::cache {

inline constexpr size_t kMaxMeta = size_t{8} << 20;
inline constexpr size_t kMaxLir = size_t{1} << 30;

struct Store::Impl {
  Impl(const Options& o, Folder r) : options(o), root(std::move(r)), blobs(root, options) {}

  bool writable() const { return root.ok() && options.mode != Mode::kReadOnly; }
  Result<Entry> read_entry(std::string_view key) const;
  Result<std::string> read_lir(const Entry& entry) const;
  std::string why_off() const;
  Lookup find(std::string_view key, const Wanted& wanted) const;

  Status publish(Entry entry, std::string_view lir, const Stats& stats);
  Status keep_blobs(const Entry& entry);
  Status make_room(const std::string& key);
  Status commit(const Entry& entry, std::string_view lir, const std::string& meta);
  bool sync_root() const;
  void write_stats(const std::string& key, const Stats& stats) const;
  // Trouble with writing: an error under strict, else the first one is a warning.
  Status tolerate(Status status);

  Options options;
  Folder root;
  Blobs blobs;
  std::atomic<bool> warned = false;
};

}  // namespace rlx::cache
