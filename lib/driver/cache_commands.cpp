#include "driver/cache_commands.h"

#include <algorithm>
#include <ctime>
#include <set>

#include <fmt/format.h>

#include "cache/bundle.h"
#include "cache/check.h"
#include "cache/codes.h"
#include "cache/events.h"
#include "cache/names.h"
#include "cache/records.h"
#include "driver/cache_listing.h"
#include "driver/toolchain.h"
#include "lir/lir.h"
#include "support/log.h"

namespace rlx::driver {
namespace {

using cache::Entry;
using cache::Store;

// For whoever looks after a cache one that cannot be used is no empty one.
Result<Store> open(const cache::Options& options) {
  RLX_TRY(Store store, Store::open(options));
  if (store.trouble()) return *store.trouble();
  return store;
}
Result<Store> open(const CacheRequest& request) { return open(request.cache); }

Result<Vec<std::string>> resolved(const Store& store, const Vec<std::string>& names) {
  Vec<std::string> keys;
  for (const std::string& name : names) {
    RLX_TRY(std::string key, cache::resolve(store, name));
    keys.push_back(std::move(key));
  }
  return keys;
}

// Adds an item and its line.
template <class... Members>
void add(Answer& answer, const std::string& line, const Members&... members) {
  answer.text += line + '\n';
  answer.items.emplace_back([... kept = members](JsonWriter& out) {
    out.begin_object();
    (out.member(kept.first, kept.second), ...);
    out.end_object();
  });
}

using Text = std::pair<const char*, std::string>;
using Number = std::pair<const char*, int64_t>;

Result<Entry> entry_of(const Store& store, const std::string& key) {
  RLX_TRY(cache::Lookup found, store.lookup(key, {.lir = false, .again = true}));
  if (found.hit) return std::move(*found.hit);
  using Why = cache::Lookup::Why;
  // Removed since its name was looked up, or what a tag has stood for.
  if (found.why == Why::kAbsent) {
    return Error(cache::kNoEntry, "no entry '" + key + "'", "`rlx-cache ls` lists them");
  }
  if (found.why == Why::kUnreadable) return Error(cache::kCannotRead, found.reason);
  return Error(cache::kDamaged, found.reason, "`rlx-cache verify --repair` sets it aside");
}

// Names and digests of the constants of the LIR.
Result<std::map<std::string, Digest>> constants_of(const Store& store, const Entry& entry) {
  RLX_TRY(const std::string text, store.lir(entry));
  RLX_TRY(Lir lir, lir_from_json(text, {}));
  std::map<std::string, Digest> all;
  for (const Value& v : lir.graph.values) {
    if (v.def.kind == ValueDef::Kind::kConstant) {
      all[v.name] = lir.graph.constants[v.def.constant.index].digest;
    }
  }
  return all;
}

int64_t now_s() { return static_cast<int64_t>(::time(nullptr)); }

}  // namespace

Result<Answer> list_entries(const CacheRequest& request, Order order, const std::string& model) {
  RLX_TRY(Store store, open(request));
  return listing(store, order, model);
}

Result<Answer> show_entries(const CacheRequest& request, bool lir) {
  RLX_TRY(Store store, open(request));
  RLX_TRY(const Vec<std::string> keys, resolved(store, request.keys));
  Answer answer;
  for (const std::string& key : keys) {
    RLX_TRY(Entry entry, entry_of(store, key));
    if (!lir) {
      describe(store, entry, answer);
      continue;
    }
    RLX_TRY(const std::string text, store.lir(entry));
    answer.text += text;
  }
  return answer;
}

Result<Answer> verify_entries(const CacheRequest& request, bool repair) {
  cache::Options options = request.cache;
  options.verify = cache::Verify::kFull;
  RLX_TRY(Store store, open(options));
  RLX_TRY(const Vec<std::string> keys, resolved(store, request.keys));
  RLX_TRY(Vec<cache::Finding> findings, cache::check(store, keys, repair));
  Answer answer;
  for (const std::string& key : keys) {
    if (std::ranges::find(findings, key, &cache::Finding::key) != findings.end()) continue;
    answer.problems.push_back({{.code = cache::kNoEntry, .message = "no entry '" + key + "'"}});
  }
  for (const cache::Finding& f : findings) {
    const bool whole = f.kind == cache::Finding::Kind::kWhole;
    add(answer, fmt::format("{:10}  {}{}", name(f.kind), f.key, whole ? "" : "  " + f.what),
        Text("key", f.key), Text("class", std::string(name(f.kind))), Text("problem", f.what));
    if (f.kind == cache::Finding::Kind::kUnreadable) {
      answer.problems.push_back({{.code = cache::kCannotRead, .message = f.what, .hint = f.hint}});
    }
    if (f.kind == cache::Finding::Kind::kDamaged) {
      answer.problems.push_back({{.code = cache::kDamaged,
                                  .message = f.what,
                                  .hint = repair ? "set aside; the next request makes it again"
                                                 : "`rlx-cache verify --repair` sets it aside"}});
    }
  }
  return answer;
}

Result<Answer> collect_entries(const CacheRequest& request, const cache::CollectOptions& options) {
  RLX_TRY(Store store, open(request));
  if (!store.root().ok()) return Error(cache::kUnusableRoot, "there is no cache to collect");
  cache::CollectOptions patient = options;
  patient.wait = std::chrono::minutes(10);
  RLX_TRY(cache::Collected done, cache::collect(store, patient));
  if (done.other_collects) {
    return Error(cache::kCannotWrite, "another process has been collecting for ten minutes",
                 "end it if it hangs");
  }
  // What is over the limits still goes with the next collection.
  if (done.busy) log::warning("cache: not all of it: others published all the time");
  Answer answer;
  int64_t bytes = done.orphan_bytes;
  for (const cache::Victim& v : done.victims) {
    bytes += v.bytes;
    add(answer, fmt::format("{}  {:>10}  {}", v.key, cache::size_text(v.bytes), v.why),
        Text("key", v.key), Text("why", v.why), Number("bytes", v.bytes),
        std::pair<const char*, double>("score", v.score));
  }
  answer.text +=
      fmt::format("{} {} entries and {} other files, {}; {} entries are left, {}\n",
                  options.dry_run ? "would remove" : "removed", done.victims.size(), done.orphans,
                  cache::size_text(bytes), done.entries, cache::size_text(done.bytes));
  return answer;
}

Result<Answer> show_stats(const CacheRequest& request, int64_t since_s, bool zero) {
  RLX_TRY(Store store, open(request));
  Answer answer;
  if (!store.root().ok()) return answer;
  int64_t saved_ms = 0;
  for (const auto& [event, tally] : cache::tally_events(store.root(), now_s() - since_s)) {
    add(answer, fmt::format("{:28} {:>8}", name(event), tally.count),
        Text("event", std::string(name(event))), Number("count", tally.count),
        Number("sum", tally.sum));
    if (event != cache::Event::kHit) continue;
    for (const auto& [key, count] : tally.keys) {
      if (auto stats = cache::read_stats(store.root(), key)) {
        saved_ms += count * stats->stats.compile_ms;
      }
    }
  }
  add(answer,
      fmt::format("{:28} {:>8.1f}", "seconds of compiling saved",
                  static_cast<double>(saved_ms) / 1000),
      Text("event", "ms of compiling saved"), Number("sum", saved_ms));
  if (zero) RLX_TRY_VOID(store.check_writable());
  if (zero) cache::forget_events(store.root());
  return answer;
}

Result<Answer> export_entries(const CacheRequest& request, const std::string& path, bool sign) {
  RLX_TRY(Store store, open(request));
  RLX_TRY(const Vec<std::string> keys, resolved(store, request.keys));
  std::optional<cache::SigningKey> signing;
  if (sign) {
    RLX_TRY(signing, cache::SigningKey::load());
  }
  RLX_TRY(const cache::Moved moved,
          cache::export_bundle(store, keys, path, signing ? &*signing : nullptr));
  Answer answer;
  for (const std::string& key : moved.keys) {
    add(answer, fmt::format("{}  {}", key, path), Text("key", key), Text("bundle", path));
  }
  return answer;
}

Result<Answer> import_entries(const CacheRequest& request, const std::string& path,
                              bool allow_unsigned) {
  RLX_TRY(Store store, open(request));
  RLX_TRY(const cache::Moved moved,
          cache::import_bundle(store, path, cache::TrustedKeys::load(), allow_unsigned));
  Answer answer;
  for (const std::string& key : moved.keys) add(answer, key, Text("key", key));
  return answer;
}

Result<Answer> pin_entries(const CacheRequest& request, bool pinned) {
  RLX_TRY(Store store, open(request));
  RLX_TRY(const Vec<std::string> keys, resolved(store, request.keys));
  Answer answer;
  for (const std::string& key : keys) {
    if (pinned) RLX_TRY_VOID(cache::pin(store, key));
    if (!pinned) RLX_TRY_VOID(cache::unpin(store, key));
    add(answer, key + (pinned ? "  pinned" : "  not pinned"), Text("key", key));
  }
  return answer;
}

Result<Answer> tag_entry(const CacheRequest& request, const std::string& name,
                         const std::string& key) {
  RLX_TRY(Store store, open(request));
  Answer answer;
  if (key.empty()) {
    RLX_TRY(const bool was_there, cache::remove_tag(store, name));
    if (!was_there) return Error(cache::kNoEntry, "no tag '" + name + "'");
    return answer;
  }
  RLX_TRY(std::string full, cache::resolve(store, key));
  RLX_TRY_VOID(cache::set_tag(store, name, full));
  add(answer, fmt::format("{}  {}", name, full), Text("tag", name), Text("key", full));
  return answer;
}

Result<Answer> remove_entries(const CacheRequest& request) {
  RLX_TRY(Store store, open(request));
  RLX_TRY(const Vec<std::string> keys, resolved(store, request.keys));
  Answer answer;
  for (const std::string& key : keys) {
    RLX_TRY(const bool there, cache::remove(store, key));
    if (there) add(answer, key + "  removed", Text("key", key));
  }
  return answer;
}

Result<Answer> diff_entries(const CacheRequest& request) {
  RLX_TRY(Store store, open(request));
  RLX_TRY(Vec<std::string> keys, resolved(store, request.keys));
  RLX_TRY(Entry a, entry_of(store, keys.at(0)));
  RLX_TRY(Entry b, entry_of(store, keys.at(1)));
  Answer answer;
  for (const cache::Difference& d : cache::differences(a.inputs, b.inputs)) {
    add(answer, fmt::format("{}: {} | {}", d.name, d.wanted, d.stored), Text("field", d.name),
        Text("a", d.wanted), Text("b", d.stored));
  }
  RLX_TRY(auto of_a, constants_of(store, a));
  RLX_TRY(auto of_b, constants_of(store, b));
  for (const auto& [name, digest] : of_a) {
    auto other = of_b.find(name);
    if (other == of_b.end() || other->second == digest) continue;
    add(answer, "const " + name + " differs", Text("field", "const " + name),
        Text("a", digest.hex()), Text("b", other->second.hex()));
  }
  if (answer.text.empty()) answer.text = "made from the same\n";
  return answer;
}

Result<Answer> explain_request(const BuildRequest& request) {
  RLX_TRY(Action action, key_of(request));
  RLX_TRY(Store store, open(request.cache));
  RLX_TRY(const cache::Lookup found,
          store.lookup(action.key, {.action = action.digest, .again = true}));
  Answer answer;
  if (found.hit) {
    add(answer, "hit  " + action.key, Text("key", action.key), Text("state", "hit"));
    return answer;
  }
  auto nearest = cache::nearest(store, action.key, action.inputs);
  std::string why = nearest ? to_text(*nearest) : "there is no entry yet";
  if (found.why != cache::Lookup::Why::kAbsent) why = found.reason;
  add(answer, fmt::format("miss {}\n  {}", action.key, why), Text("key", action.key),
      Text("state", "miss"), Text("nearest", nearest ? nearest->key : ""), Text("why", why));
  return answer;
}

Result<Answer> show_key(const BuildRequest& request) {
  RLX_TRY(const Action action, key_of(request));
  Answer answer;
  answer.text = action.key + '\n';
  answer.items.emplace_back([action](JsonWriter& out) {
    out.begin_object();
    out.member("key", action.key);
    out.member("action", action.digest.hex());
    out.member("fingerprint", action.fingerprint.hex());
    out.member("structure", action.structure.hex());
    out.key("inputs");
    out.begin_object();
    for (const auto& [name, value] : action.inputs) out.member(name, value);
    out.end_object();
    out.end_object();
  });
  return answer;
}

Result<Answer> examine_folder(const CacheRequest& request) {
  Answer answer;
  for (const Check& check : examine(request.cache)) {
    add(answer,
        fmt::format("{:7}  {:22} {}", check.good ? "good" : "problem", check.what, check.found),
        Text("check", check.what), Text("found", check.found),
        Text("state", check.good ? "good" : "problem"));
    if (!check.good) {
      answer.problems.push_back({{.code = cache::kUnusableRoot,
                                  .message = check.what + ": " + check.found,
                                  .hint = check.cure}});
    }
  }
  return answer;
}

}  // namespace rlx::driver
