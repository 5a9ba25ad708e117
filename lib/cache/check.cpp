#include "cache/check.h"

#include "cache/codes.h"
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
  return {};
}

Finding check_entry(const Store& store, const std::string& key, const Result<Entry>& entry) {
  if (!entry) return {key, kind_of(entry.error()), entry.error().first().message};
  Status parts = check_parts(store, *entry);
  if (parts) return {.key = key};
  return {key, kind_of(parts.error()), parts.error().first().message};
}

void set_aside(const Store& store, const Finding& finding) {
  KeyLock lock = store.lock(finding.key, std::chrono::seconds(10));
  // It may have been made again meanwhile.
  if (check_entry(store, finding.key, read_entry(store.root(), finding.key)).kind != Kind::kDamaged)
    return;
  for (const std::string& name : {meta_name(finding.key), lir_name(finding.key)})
    quarantine(store.root(), store.root(), name, finding.what);
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

Vec<Finding> check(Store& store, const Vec<std::string>& keys, bool repair) {
  Vec<Finding> findings;
  if (!store.root().ok()) return findings;
  if (keys.empty()) {
    for_each_record(store.root(), [&](const Record& record) {
      findings.push_back(check_entry(store, record.key, record.entry));
    });
  }
  for (const std::string& key : keys)
    findings.push_back(check_entry(store, key, read_entry(store.root(), key)));
  for (const Finding& finding : findings) {
    if (repair && store.writable() && finding.kind == Kind::kDamaged) set_aside(store, finding);
  }
  return findings;
}

}  // namespace rlx::cache
