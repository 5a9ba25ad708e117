#include "cache/check.h"

#include "cache/codes.h"
#include "cache/external.h"
#include "cache/key.h"
#include "cache/quarantine.h"
#include "cache/records.h"
#include "cache/store_impl.h"

namespace rlx::cache {
namespace {

using Kind = Finding::Kind;

Kind kind_of(const Error& error) {
  switch (error.first().code) {
    case kDamaged:
    case kMissing: return Kind::kDamaged;
    case kForeign: return Kind::kForeign;
    default: return Kind::kUnreadable;
  }
}

Status check_parts(const Store& store, const Entry& entry) {
  RLX_TRY_VOID(read_lir(store.root(), entry));
  for (const BlobRef& blob : entry.blobs) {
    if (blob.role != Role::kExternal) RLX_TRY_VOID(store.blob(blob));
  }
  const auto sources = find_sources(store, entry.key);
  RLX_TRY_VOID(open_external(store, entry, sources.value_or(Sources()), true));
  return {};
}

Finding found(const std::string& key, const Diagnostic& d) {
  return {key, kind_of(Error(d)), d.message, d.hint};
}

// nullopt where the entry is not there, or not any more. A collector takes records first, a publisher
// brings them last: what lacks a part is looked at again, and is damaged if its record stays.
std::optional<Finding> check_entry(const Store& store, const std::string& key) {
  constexpr int kLooks = 3;
  Finding last;
  for (int i = 0; i < kLooks; ++i) {
    auto entry = read_entry(store.root(), key);
    if (!entry && entry.error().first().code == kMissing) return std::nullopt;
    Status parts = entry ? check_parts(store, *entry) : Status(entry.error());
    if (parts) return Finding{.key = key};
    // The first look may have moved the damage away.
    if (i == 0) last = found(key, parts.error().first());
    if (last.kind == Kind::kForeign) break;
  }
  // Gone since the last look.
  auto entry = read_entry(store.root(), key);
  if (!entry && entry.error().first().code == kMissing) return std::nullopt;
  return last;
}

void set_aside(const Store& store, const Finding& finding) {
  const KeyLock lock = store.lock(finding.key, std::chrono::seconds(10));
  // It may have been made again meanwhile.
  auto now = check_entry(store, finding.key);
  if (!now || now->kind != Kind::kDamaged) return;
  for (const std::string& name : {meta_name(finding.key), lir_name(finding.key)}) {
    quarantine(store.root(), store.root(), name, finding.what);
  }
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::kWhole: return "whole";
    case Kind::kDamaged: return "damaged";
    case Kind::kForeign: return "foreign";
    case Kind::kUnreadable: return "unreadable";
  }
  return "";
}

Result<Vec<Finding>> check(Store& store, const Vec<std::string>& keys, bool repair) {
  Vec<Finding> findings;
  if (!store.root().ok()) return findings;
  if (repair) RLX_TRY_VOID(store.check_writable());
  auto look = [&](const std::string& key) {
    if (auto finding = check_entry(store, key)) findings.push_back(std::move(*finding));
  };
  if (keys.empty()) {
    auto names = store.root().list();
    if (!names) return store.root().error(kCannotRead, "list", "the cache");
    for (const std::string& key : keys_of(*names)) look(key);
  }
  for (const std::string& key : keys) look(key);
  for (const Finding& finding : findings) {
    if (repair && finding.kind == Kind::kDamaged) set_aside(store, finding);
  }
  return findings;
}

}  // namespace rlx::cache
