#include "cache/store.h"

#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/key.h"
#include "cache/root.h"
#include "cache/store_impl.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

using Why = Lookup::Why;

Lookup missed(Why why, std::string reason) { return {.why = why, .reason = std::move(reason)}; }

Why why_of(int code) {
  if (code == kMissing) return Why::kAbsent;
  return code == kForeign ? Why::kForeign : Why::kDamaged;
}

Lookup missed(const Error& error) {
  return missed(why_of(error.first().code), error.first().message);
}

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const Options& options) {
  if (options.mode == Mode::kOff) return Store(std::make_unique<Impl>(options, Folder()));
  auto root = open_root(options);
  if (root) return Store(std::make_unique<Impl>(options, std::move(*root)));
  if (options.strict || root.error().first().code == kUnsafe) return std::move(root.error());
  log::warning("cache: off: " + root.error().first().message);
  return Store(std::make_unique<Impl>(options, Folder()));
}

const Options& Store::options() const { return impl_->options; }
const Folder& Store::root() const { return impl_->root; }
bool Store::writable() const { return impl_->writable(); }

Result<Entry> Store::Impl::read_entry(std::string_view key) const {
  RLX_TRY(std::string text, root.read(meta_name(key), kMaxMeta));
  return parse_meta(key, text);
}

Result<std::string> Store::Impl::read_lir(const Entry& entry) const {
  std::string name = lir_name(entry.key);
  auto text = root.read(name, kMaxLir);
  // Its meta is there, so that even its absence is damage.
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
  auto entry = read_entry(key);
  if (!entry) return missed(entry.error());
  if (wanted.action && *wanted.action != entry->action) {
    return missed(Why::kOtherAction, fmt::format("{} was made from another request", key));
  }
  if (!wanted.lir) return Lookup{.hit = std::move(*entry)};
  auto lir = read_lir(*entry);
  if (!lir) return missed(lir.error());
  return Lookup{.hit = std::move(*entry), .lir = std::move(*lir)};
}

Result<Lookup> Store::lookup(std::string_view key, const Wanted& wanted) const {
  RLX_TRY_VOID(check_key(key));
  if (impl_->options.mode == Mode::kRefresh) return missed(Why::kRefresh, "a fresh one is wanted");
  if (!impl_->root.ok()) return missed(Why::kOff, impl_->why_off());
  Lookup found = impl_->find(key, wanted);
  // A replacement in flight shows a new LIR beside an old meta for a moment.
  if (found.why == Why::kDamaged) found = impl_->find(key, wanted);
  if (found.why == Why::kDamaged && impl_->options.strict) return Error(kDamaged, found.reason);
  return found;
}

Result<std::string> Store::lir(const Entry& entry) const {
  RLX_TRY_VOID(check_key(entry.key));
  return impl_->read_lir(entry);
}

Result<BlobBytes> Store::blob(const BlobRef& blob) const { return impl_->blobs.read(blob); }

bool Store::contains(const Digest& digest, int64_t size) const {
  return impl_->blobs.contains(digest, size);
}

KeyLock Store::lock(std::string_view key, std::chrono::milliseconds timeout) const {
  return writable() ? KeyLock::acquire(impl_->root, key, timeout) : KeyLock();
}

}  // namespace rlx::cache
