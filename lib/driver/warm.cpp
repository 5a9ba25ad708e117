#include "driver/warm.h"

#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/names.h"
#include "driver/cache_listing.h"
#include "driver/codes.h"

namespace rlx::driver {
namespace {

using cache::Store;

Vec<std::string> argv_of(const WarmJob& job, Weights weights) {
  Vec<std::string> argv{"rlxc", job.model, "--target=" + job.target};
  for (const auto& [name, value] : job.dims) {
    argv.push_back(fmt::format("--dim={}={}", name, value));
  }
  if (weights == Weights::kEmbed) argv.emplace_back("--weights=embed");
  return argv;
}

std::string job_text(const WarmJob& job) {
  std::string text = fmt::format("{}  {}", job.model, job.target);
  for (const auto& [name, value] : job.dims) text += fmt::format("  {}={}", name, value);
  return text;
}

// The same on every machine, wherever the manifest lies there.
Digest digest_of(const WarmJob& job) {
  Hasher h("rlx.v1.warm");
  h.field("model", std::filesystem::path(job.model).filename().string());
  h.field("target", job.target);
  for (const auto& [name, value] : job.dims) {
    h.field("dim", name);
    h.field("value", value);
  }
  return h.finish();
}

Result<Vec<WarmJob>> share_of(const WarmRequest& request) {
  if (request.shards < 1 || request.shard < 0 || request.shard >= request.shards) {
    return Error(kBadManifest,
                 fmt::format("there is no shard {} of {}", request.shard, request.shards),
                 "shards count from 0");
  }
  RLX_TRY(Vec<WarmJob> jobs, read_manifest(request.manifest));
  std::erase_if(jobs, [&](const WarmJob& j) { return !is_mine(j, request.shards, request.shard); });
  return jobs;
}

struct Outcome {
  std::string key, state;
  std::optional<Error> error;
};

Outcome run(const WarmJob& job, const WarmRequest& request) {
  BuildRequest build_request{.model = job.model, .target = job.target, .dims = job.dims};
  build_request.cache = request.cache;
  build_request.remote = request.remote;
  build_request.weights = request.weights;
  build_request.must_store = true;
  auto built = build(build_request, false);
  if (!built) return {.error = built.error()};
  return {built->key, built->hit ? "hit" : "built"};
}

Vec<Outcome> run_all(const Vec<WarmJob>& jobs, const WarmRequest& request) {
  Vec<Outcome> outcomes(jobs.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++) outcomes[i] = run(jobs[i], request);
  };
  Vec<std::thread> threads;
  for (int i = 1; i < request.jobs; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

void add_job(Answer& answer, const WarmJob& job, const Outcome& outcome) {
  std::string state = outcome.error ? "failed" : outcome.state;
  answer.text += fmt::format("{:6}  {}  {}\n", state, job_text(job), outcome.key);
  answer.items.emplace_back([=](JsonWriter& out) {
    out.begin_object();
    out.member("model", job.model);
    out.member("target", job.target);
    write_json(out, job.dims);
    out.member("key", outcome.key);
    out.member("state", state);
    out.member("stored", !outcome.error);
    out.end_object();
  });
  if (!outcome.error) return;
  for (const Diagnostic& d : outcome.error->items) answer.problems.push_back({d, job.model});
}

std::string json_line(const WarmJob& job, Weights weights) {
  JsonWriter out;
  Vec<std::string> argv = argv_of(job, weights);
  out.begin_object();
  out.key("argv");
  out.values(std::span<const std::string>(argv));
  out.member("id", digest_of(job).hex());
  out.end_object();
  return out.take() + '\n';
}

// What a shell takes as one word.
std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string ninja_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '$' || c == ' ' || c == ':') out += '$';
    out += c;
  }
  return out;
}

std::string ninja_edge(const WarmJob& job, Weights weights) {
  std::string command;
  for (const std::string& word : argv_of(job, weights)) command += quoted(word) + ' ';
  std::string dollars;
  for (const char c : command) dollars += c == '$' ? std::string("$$") : std::string(1, c);
  return fmt::format("build .rlx-warm/{}: warm {}\n  command_line = {}\n", digest_of(job).hex(),
                     ninja_escaped(job.model), dollars);
}

}  // namespace

bool is_mine(const WarmJob& job, int64_t shards, int64_t shard) {
  uint64_t bits = 0;
  Digest digest = digest_of(job);
  std::memcpy(&bits, digest.bytes.data(), sizeof bits);
  return bits % static_cast<uint64_t>(shards) == static_cast<uint64_t>(shard);
}

Result<Answer> warm(const WarmRequest& request) {
  RLX_TRY(Vec<WarmJob> jobs, share_of(request));
  Vec<Outcome> outcomes = run_all(jobs, request);
  Answer answer;
  for (size_t i = 0; i < jobs.size(); ++i) add_job(answer, jobs[i], outcomes[i]);
  RLX_TRY(Store store, Store::open(request.cache));
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].tag.empty() || outcomes[i].error) continue;
    RLX_TRY_VOID(cache::set_tag(store, jobs[i].tag, outcomes[i].key));
  }
  return answer;
}

Result<Answer> list_jobs(const WarmRequest& request, const std::string& form) {
  RLX_TRY(const Vec<WarmJob> jobs, share_of(request));
  Answer answer;
  if (form == "ninja") {
    answer.text =
        "rule warm\n  command = $command_line > /dev/null && mkdir -p .rlx-warm && touch $out\n";
    for (const WarmJob& job : jobs) answer.text += ninja_edge(job, request.weights);
    return answer;
  }
  for (const WarmJob& job : jobs) answer.text += json_line(job, request.weights);
  return answer;
}

Result<Answer> push_entries(const CacheRequest& request, const cache::RemoteOptions& remote) {
  cache::Remote server(remote);
  if (!server.ok()) return Error(kNoRemote, "there is no remote cache", "set RLX_REMOTE");
  RLX_TRY(const cache::SigningKey signing, cache::SigningKey::load());
  RLX_TRY(Store store, Store::open(request.cache));
  if (store.trouble()) return *store.trouble();
  Vec<std::string> keys = request.keys;
  if (keys.empty()) keys = cache::keys(store.root());
  Answer answer;
  for (const std::string& name : keys) {
    auto found = cache::resolve(store, name);
    // Collected since it was listed.
    if (!found && request.keys.empty()) continue;
    RLX_TRY(std::string key, std::move(found));
    RLX_TRY(const int64_t sent, server.push(store, key, signing));
    answer.text += fmt::format("{}  {} sent\n", key, cache::size_text(sent));
    answer.items.emplace_back([key, sent](JsonWriter& out) {
      out.begin_object();
      out.member("key", key);
      out.member("bytes", sent);
      out.end_object();
    });
  }
  return answer;
}

Result<Answer> pull_entries(const CacheRequest& request, const cache::RemoteOptions& remote) {
  cache::Remote server(remote);
  if (!server.ok()) return Error(kNoRemote, "there is no remote cache", "set RLX_REMOTE");
  RLX_TRY(Store store, Store::open(request.cache));
  RLX_TRY_VOID(store.check_writable());
  Answer answer;
  for (const std::string& key : request.keys) {
    const cache::KeyLock lock = store.lock(key);
    const bool came = server.pull(store, key, cache::TrustedKeys::load());
    answer.text += fmt::format("{}  {}\n", key, came ? "pulled" : "not there");
    answer.items.emplace_back([key, came](JsonWriter& out) {
      out.begin_object();
      out.member("key", key);
      out.member("state", came ? "pulled" : "absent");
      out.end_object();
    });
    if (!came) {
      answer.problems.push_back(
          {{.code = kNotCached, .message = "the remote cache has no " + key}});
    }
  }
  return answer;
}

}  // namespace rlx::driver
