#include "cache/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/codes.h"
#include "cache/events.h"
#include "cache/key.h"
#include "cache/root.h"
#include "cache/store_impl.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

using Why = Lookup::Why;

constexpr int64_t kFreshForSeconds = 3600;

Lookup missed(Why why, std::string reason) { return {.why = why, .reason = std::move(reason)}; }

Why why_of(int code) {
  if (code == kMissing) return Why::kAbsent;
  if (code == kCannotRead) return Why::kUnreadable;
  return code == kForeign ? Why::kForeign : Why::kDamaged;
}

std::string with_hint(const Diagnostic& d) {
  return d.hint.empty() ? d.message : d.message + "; hint: " + d.hint;
}

Lookup missed(const Error& error) {
  return missed(why_of(error.first().code), with_hint(error.first()));
}

// In a folder that others can write, an entry is what a trusted key says it is.
bool has_trusted_signature(const Folder& root, const Entry& entry) {
  auto text = root.read(signature_name(entry.key), kMaxMeta);
  auto signatures = text ? parse_signatures(*text) : Result<Vec<Signature>>(text.error());
  if (!signatures) return false;
  return !TrustedKeys::load().signer(entry.key, meta_text(entry), *signatures).empty();
}

Lookup find_in(const Folder& root, bool shared, std::string_view key, const Wanted& wanted) {
  auto entry = read_entry(root, key);
  if (!entry) return missed(entry.error());
  if (shared && !has_trusted_signature(root, *entry)) {
    return missed(Why::kUnsigned, fmt::format("{} is signed by no trusted key", key));
  }
  if (wanted.action && *wanted.action != entry->action) {
    return missed(Why::kOtherAction, fmt::format("{} was made from another request", key));
  }
  if (!wanted.lir) return Lookup{.hit = std::move(*entry)};
  auto lir = read_lir(root, *entry);
  if (!lir) return missed(lir.error());
  return Lookup{.hit = std::move(*entry), .lir = std::move(*lir)};
}

// Not ok where there is none, and the store goes on without; `trouble` says why.
Result<Root> open_root_of(const Options& options, std::optional<Error>& trouble) {
  if (options.mode == Mode::kOff) return Root();
  auto root = open_root(options);
  if (root) return root;
  if (options.strict || root.error().first().code == kUnsafe) return root;
  log::warning("cache: off: " + with_hint(root.error().first()));
  trouble = std::move(root.error());
  return Root();
}

// The record's mtime is when the entry was last used.
void touch(const Folder& root, std::string_view key) {
  struct stat s;
  const std::string name = meta_name(key);
  if (::fstatat(root.fd(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) return;
  const int64_t age = now_s() - s.st_mtim.tv_sec;
  if (age >= 0 && age < kFreshForSeconds) return;
  ::utimensat(root.fd(), name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

std::optional<Event> event_of(const Lookup& found) {
  switch (found.why) {
    case Why::kFound: return found.layer == 0 ? Event::kHit : Event::kLayerHit;
    case Why::kAbsent: return Event::kAbsent;
    case Why::kOtherAction: return Event::kOtherAction;
    case Why::kDamaged: return Event::kDamaged;
    case Why::kUnreadable: return Event::kUnreadable;
    case Why::kForeign: return Event::kForeign;
    case Why::kUnsigned: return Event::kUnsigned;
    case Why::kOff:
    case Why::kRefresh: break;
  }
  return std::nullopt;
}

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const Options& options) {
  std::optional<Error> trouble;
  RLX_TRY(Root opened, open_root_of(options, trouble));
  Store store(std::make_unique<Impl>(options, std::move(opened)));
  store.impl_->trouble = std::move(trouble);
  RLX_TRY_VOID(store.impl_->open_layers());
  return store;
}

Status Store::Impl::open_layers() {
  if (options.mode == Mode::kOff) return {};
  for (const std::string& path : options.layers) {
    Options of_layer = options;
    of_layer.root = path;
    of_layer.mode = Mode::kReadOnly;
    std::optional<Error> ignored;
    RLX_TRY(Root opened, open_root_of(of_layer, ignored));
    if (opened.folder.ok()) {
      layers.push_back(std::make_unique<Layer>(of_layer, std::move(opened)));
    } else {
      log::warning("cache: no layer at " + path);
    }
  }
  return {};
}

const Options& Store::options() const { return impl_->options; }
const Folder& Store::root() const { return impl_->root; }
bool Store::writable() const { return impl_->writable(); }
const std::optional<Error>& Store::trouble() const { return impl_->trouble; }

Status Store::check_writable() const {
  const Options& o = impl_->options;
  if (o.mode == Mode::kOff) return Error(kCannotWrite, "the cache is off", "--cache-mode=rw");
  if (!impl_->root.ok() && impl_->trouble) return *impl_->trouble;
  if (o.mode == Mode::kReadOnly) {
    return Error(kCannotWrite, "the cache is only read, as its mode says", "--cache-mode=rw");
  }
  if (!impl_->root.ok()) return Error(kUnusableRoot, impl_->why_off());
  if (::faccessat(impl_->root.fd(), ".", W_OK | X_OK, AT_EACCESS) == 0) return {};
  return io_error_at(kCannotWrite, "write to the cache", o.root, o.root);
}

bool Store::shared() const { return impl_->shared; }

bool Store::is_vouched_for(const Entry& entry) const {
  return !impl_->shared || has_trusted_signature(impl_->root, entry);
}

Result<Entry> read_entry(const Folder& root, std::string_view key) {
  RLX_TRY(const std::string text, root.read(meta_name(key), kMaxMeta));
  return parse_meta(key, text);
}

Result<std::string> read_lir(const Folder& root, const Entry& entry) {
  std::string name = lir_name(entry.key);
  auto text = root.read(name, kMaxLir);
  // Its meta is there, so that even its absence is damage.
  if (!text && text.error().first().code != kMissing) return text;
  if (!text) return Error(kDamaged, text.error().first().message);
  if (static_cast<int64_t>(text->size()) != entry.lir_size) {
    return Error(kDamaged, fmt::format("{} is damaged: {} bytes, not {}", name, text->size(),
                                       entry.lir_size));
  }
  if (sha256(bytes_of(*text)) == entry.lir) return text;
  return Error(kDamaged, name + " is damaged: its digest differs from the entry's");
}

std::string Store::Impl::why_off() const {
  return options.mode == Mode::kOff ? "the cache is off" : "there is no cache at " + options.root;
}

Lookup Store::Impl::find(std::string_view key, const Wanted& wanted) const {
  Lookup found = root.ok() ? find_in(root, shared, key, wanted) : missed(Why::kOff, why_off());
  for (size_t i = 0; i < layers.size() && !found.hit; ++i) {
    Lookup other = find_in(layers[i]->root, layers[i]->shared, key, wanted);
    if (other.hit) found = std::move(other), found.layer = i + 1;
  }
  return found;
}

// At most once an hour, so that a hit costs no write.
void Store::Impl::note(const Lookup& found, std::string_view key, bool again) const {
  if (!writable()) return;
  if (found.hit && found.layer == 0) touch(root, key);
  if (again && !found.hit) return;
  if (auto event = event_of(found)) note_event(root, *event, key);
}

Result<Lookup> Store::lookup(std::string_view key, const Wanted& wanted) const {
  RLX_TRY_VOID(check_key(key));
  if (impl_->options.mode == Mode::kRefresh) return missed(Why::kRefresh, "a fresh one is wanted");
  if (!impl_->root.ok() && impl_->layers.empty()) return missed(Why::kOff, impl_->why_off());
  Lookup found = impl_->find(key, wanted);
  // A replacement in flight shows a new LIR beside an old meta for a moment.
  const bool in_doubt = found.why == Why::kDamaged || found.why == Why::kUnreadable;
  if (in_doubt) found = impl_->find(key, wanted);
  impl_->note(found, key, wanted.again);
  if (!impl_->options.strict) return found;
  if (found.why == Why::kDamaged) return Error(kDamaged, found.reason);
  if (found.why == Why::kUnreadable) return Error(kCannotRead, found.reason);
  return found;
}

Result<std::string> Store::lir(const Entry& entry) const {
  RLX_TRY_VOID(check_key(entry.key));
  auto text = read_lir(impl_->root, entry);
  for (size_t i = 0; i < impl_->layers.size() && !text; ++i) {
    auto other = read_lir(impl_->layers[i]->root, entry);
    if (other) text = std::move(other);
  }
  return text;
}

Result<BlobBytes> Store::blob(const BlobRef& blob) const {
  auto bytes = impl_->blobs.read(blob);
  for (size_t i = 0; i < impl_->layers.size() && !bytes; ++i) {
    auto other = impl_->layers[i]->blobs.read(blob);
    if (other) bytes = std::move(other);
  }
  return bytes;
}

bool Store::contains(const Digest& digest, int64_t size) const {
  return impl_->blobs.contains(digest, size);
}

KeyLock Store::lock(std::string_view key, std::chrono::milliseconds timeout) const {
  return writable() ? KeyLock::acquire(impl_->root, key, timeout) : KeyLock();
}

}  // namespace rlx::cache
