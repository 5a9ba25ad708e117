#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

#include "cache/bundle.h"
#include "cache/clock.h"
#include "cache/codes.h"
#include "cache/collect.h"
#include "cache/events.h"
#include "cache/key.h"
#include "cache/quarantine.h"
#include "cache/store_impl.h"
#include "support/json.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

// "2026-11-24T05:28:14Z".
std::string now_text() {
  const time_t now = ::time(nullptr);
  struct tm utc;
  ::gmtime_r(&now, &utc);
  char text[32];
  const size_t length = ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, length};
}

}  // namespace

Status Store::Impl::tolerate(Status status) {
  if (status) return status;
  // What comes after the first follows from it.
  if (!trouble) trouble = status.error();
  if (options.strict) return status;
  // What was to be stored changed in the writer's hands: no trouble of the cache's.
  if (status.error().first().code == kChanged) return status;
  const Diagnostic& why = status.error().first();
  complain("cache: not stored: " + why.message + (why.hint.empty() ? "" : "; hint: " + why.hint));
  return {};
}

void Store::Impl::complain(std::string_view line) {
  if (warned.exchange(true)) {
    log::info(line);
  } else {
    log::warning(line);
  }
}

void Store::complain(std::string_view line) const { impl_->complain(line); }

Publication::Publication(const Store& store) : store_(store) {
  ++store_.impl_->publications;
  if (store.writable()) lock_ = PublishLock::acquire(store.root());
}

Publication::~Publication() {
  lock_ = {};
  const bool last = --store_.impl_->publications == 0;
  if (last && store_.writable()) collect_if_due(store_);
}

Publication Store::publishing() const { return Publication(*this); }

Status Store::put_blob(const Digest& digest, Bytes data) {
  if (!writable()) return {};
  return impl_->tolerate(impl_->blobs.put(digest, data));
}

// Whether the lock is held does not matter: digests make the result right. The argument shows that
// the caller waited for its turn.
Status Store::publish(const KeyLock& /*lock*/, const Entry& entry, std::string_view lir,
                      const Stats& stats) {
  RLX_TRY_VOID(check_key(entry.key));
  if (!writable()) return {};
  Status done = impl_->publish(entry, lir, stats);
  note_event(impl_->root, done ? Event::kStored : Event::kError, entry.key, stats.compile_ms);
  if (done) impl_->trouble.reset();
  return impl_->tolerate(std::move(done));
}

Status Store::Impl::publish(Entry entry, std::string_view lir, const Stats& stats) {
  entry.lir = sha256(bytes_of(lir));
  entry.lir_size = static_cast<int64_t>(lir.size());
  const std::string meta = meta_text(entry);
  RLX_TRY(const std::string signatures, signed_text(entry.key, meta));
  RLX_TRY_VOID(place(entry, lir, meta, signatures));
  write_stats(entry.key, stats);
  return {};
}

// A shared cache takes nothing unsigned; a private one needs no signature.
Result<std::string> Store::Impl::signed_text(const std::string& key,
                                             const std::string& meta) const {
  if (!shared) return std::string();
  RLX_TRY(const SigningKey signing, SigningKey::load());
  return signatures_text({signing.sign(key, meta)});
}

Status Store::Impl::place(const Entry& entry, std::string_view lir, const std::string& meta,
                          const std::string& signatures) {
  const PublishLock lock = PublishLock::acquire(root);
  RLX_TRY_VOID(keep_blobs(entry));
  auto there = root.read(meta_name(entry.key), kMaxMeta);
  const bool same = there && *there == meta && read_lir(root, entry);
  if (!same) RLX_TRY_VOID(make_room(entry.key));
  // Before the record, so that no reader finds it unsigned.
  if (!signatures.empty()) {
    RLX_TRY_VOID(
        put_file(root, root, signature_name(entry.key), bytes_of(signatures), options.durability));
  }
  return same ? Status() : commit(entry, lir, meta);
}

Status Store::publish_incoming(const KeyLock& /*lock*/, const Incoming& incoming) {
  RLX_TRY_VOID(impl_->place(incoming.entry, incoming.lir, incoming.meta, incoming.signatures));
  note_event(impl_->root, Event::kStored, incoming.entry.key);
  return {};
}

Status Store::Impl::keep_blobs(const Entry& entry) {
  for (const BlobRef& blob : entry.blobs) {
    if (blob.role != Role::kExternal) RLX_TRY_VOID(blobs.keep(blob));
  }
  return {};
}

// The meta goes first, so that no reader sees it with another LIR. An entry of another format is
// whole for the rlx that made it, and stays.
Status Store::Impl::make_room(const std::string& key) {
  const std::string name = meta_name(key);
  auto there = read_entry(root, key);
  const int problem = there ? 0 : there.error().first().code;
  if (problem == kForeign) return std::move(there.error());
  if (problem == kDamaged) quarantine(root, root, name, there.error().first().message);
  for (const std::string& other : {name, signature_name(key)}) {
    if (!root.remove(other)) return root.error(kCannotWrite, "remove", other);
  }
  if (!root.remove(lir_name(key))) quarantine(root, root, lir_name(key), "not a file");
  return {};
}

// All names first, then all flushes: a journalling file system commits once. What a power loss tears
// before the end is found by its digest.
Status Store::Impl::commit(const Entry& entry, std::string_view lir, const std::string& meta) {
  constexpr Durability kLater = Durability::kFast;
  RLX_TRY_VOID(put_file(root, root, lir_name(entry.key), bytes_of(lir), kLater));
  RLX_TRY_VOID(put_file(root, root, meta_name(entry.key), bytes_of(meta), kLater));
  return flush(entry.key);
}

Status Store::Impl::flush(const std::string& key) {
  switch (options.durability) {
    case Durability::kFast: return {};
    case Durability::kSafe: break;
    case Durability::kFull:
      if (::syncfs(root.fd()) == 0) return {};
      return io_error(kCannotWrite, "keep", meta_name(key));
  }
  RLX_TRY_VOID(blobs.sync());
  for (const std::string& name : {lir_name(key), meta_name(key)}) {
    RLX_TRY(const File file, root.open_file(name));
    if (::fdatasync(file.fd.get()) != 0) return io_error(kCannotWrite, "keep", name);
  }
  return root.sync() ? Status() : io_error(kCannotWrite, "keep", meta_name(key));
}

void Store::Impl::write_stats(const std::string& key, const Stats& stats) const {
  JsonWriter writer;
  writer.begin_object();
  writer.member("boot", boot_id());
  writer.member("compile_ms", stats.compile_ms);
  writer.member("created", now_text());
  writer.member("producer", stats.producer);
  writer.end_object();
  const Folder folder = root.make("stats");
  if (!folder.ok()) return;
  // Disposable: an entry without stats is an entry.
  (void)put_file(folder, root, key + ".json", bytes_of(writer.take() + '\n'), Durability::kFast);
}

}  // namespace rlx::cache
