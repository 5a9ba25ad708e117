// The store: entries by key, blobs by digest, in a folder that many processes share.
//
//   RLX_TRY(Options options, options_from_environment());
//   RLX_TRY(Store store, Store::open(options));
//   RLX_TRY(Lookup found, store.lookup(key, {.action = action}));
//   KeyLock lock;
//   if (!found.hit) {
//     log::info(found.reason);
//     lock = store.lock(key);
//     // Somebody may have made it meanwhile.
//     RLX_TRY(found, store.lookup(key, {.action = action}));
//   }
//   if (!found.hit) {
//     ... compile ...
//     RLX_TRY_VOID(store.put_blob(image.digest, image.bytes));
//     // From here on use what is in memory.
//     RLX_TRY_VOID(store.publish(lock, entry, lir));
//   }
//
// KEY.meta.json is the commit record: written last, removed first, holding the digest of
// everything. A reader trusts digests and nothing else, so that damage of any kind is a miss that
// says why and never a wrong answer. Trouble with writing is one warning and the caller goes on;
// with Options::strict both are errors 8xxx. The format is cache-format/README.md.
//
// Every call may be made from several threads.
#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "cache/blobs.h"
#include "cache/entry.h"
#include "cache/lock.h"
#include "cache/options.h"

namespace rlx::cache {

// What a lookup asks for besides the key.
struct Wanted {
  // The entry must have been made from this; for keys that users choose.
  std::optional<Digest> action = {};
  // Whether the LIR's text is read too. A start from an image does not need it.
  bool lir = true;
  // Another look at what was a miss before: counted only if it is a hit now.
  bool again = false;
};

struct Lookup {
  enum class Why {
    kFound,
    kAbsent,
    kOtherAction,
    kDamaged,
    // Not for this user to read, or not now: it may be whole.
    kUnreadable,
    kForeign,
    kUnsigned,
    kOff,
    kRefresh
  };

  // Set on a hit.
  std::optional<Entry> hit = {};
  std::string lir = {};
  // 0: in the cache itself; else the place of the layer that it is in.
  size_t layer = 0;
  // On a miss, one line for people.
  Why why = Why::kFound;
  std::string reason = {};
};

// cache/bundle.h.
struct Incoming;

class Store;

class Publication {
 public:
  explicit Publication(const Store& store);
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;
  ~Publication();

 private:
  const Store& store_;
  PublishLock lock_;
};

class Store {
 public:
  // Errors: an unsafe folder; under strict, one that cannot be used. Else a folder that cannot be
  // used is a warning, and the store is off.
  static Result<Store> open(const Options& options);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  const Options& options() const;
  // The folder below which all files are; not ok where the store is off.
  const Folder& root() const;
  // Others can write it too: what is not signed, or digested each time, is theirs to change.
  bool shared() const;
  // Whether the entry may be passed on in the user's name: in a shared cache, if a trusted key signed it.
  bool is_vouched_for(const Entry& entry) const;
  // False where publishing does nothing: off, read-only.
  bool writable() const;
  // Why nothing can be stored: off, read-only, no folder, another's. What is wrong further inside, or
  // with the disk, is only seen by storing.
  Status check_writable() const;
  // Why the last entry was not stored, strict or not.
  const std::optional<Error>& trouble() const;

  // Errors: no key (kBadKey); under strict, a damaged entry.
  Result<Lookup> lookup(std::string_view key, const Wanted& wanted = {}) const;
  // The text of a hit that was looked up without it.
  Result<std::string> lir(const Entry& entry) const;
  // Trouble with the cache that is no failure of the caller's: the first is a warning, the rest are
  // only told under -v.
  void complain(std::string_view line) const;
  // A blob that cannot be had is an error, strict or not: the caller makes it again.
  Result<BlobBytes> blob(const BlobRef& blob) const;
  bool contains(const Digest& digest, int64_t size) const;

  // One compile a key, however many processes ask: waits for whoever has it. Not held after the
  // timeout, or where there are no locks; then two may compile, and both are right.
  KeyLock lock(std::string_view key,
               std::chrono::milliseconds timeout = std::chrono::minutes(10)) const;
  // While it lives no collector removes a blob. Hold it from the first put_blob to publish; when the last one
  // of this store ends, the cache is brought inside its limits, if that is due.
  Publication publishing() const;
  // Before the entry that names it. kChanged, strict or not, where data is not what `digest` says.
  Status put_blob(const Digest& digest, Bytes data);
  // Makes the entry visible, in place of whatever had its key. All blobs but external ones are
  // stored already.
  Status publish(const KeyLock& lock, const Entry& entry, std::string_view lir,
                 const Stats& stats = {});
  // The same for an entry that was made elsewhere: its record as it came, with its signatures. Trouble
  // is an error.
  Status publish_incoming(const KeyLock& lock, const Incoming& incoming);

 private:
  friend class Publication;
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace rlx::cache
