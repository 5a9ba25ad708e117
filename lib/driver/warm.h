// A manifest of models, targets and bindings, and the jobs that fill a cache with them.
//
//   [[model]]
//   path = "bert.onnx"                     # from the manifest's folder
//   targets = ["host", "cpu:portable"]     # host
//   dims = [{batch = 1, seq = [64, 128]}]  # lists: every combination; without dims: the template
//   tag = "prod"                           # names the one entry
#pragma once
#include "driver/cache_commands.h"

namespace rlx::driver {

struct WarmJob {
  std::string model, target, tag;
  Dims dims;

  bool operator==(const WarmJob&) const = default;
};

// In the manifest's order. Errors 2xxx name the line or the key that is wrong.
Result<Vec<WarmJob>> read_manifest(const std::string& path);

struct WarmRequest {
  std::string manifest;
  cache::Options cache = {};
  cache::RemoteOptions remote = {};
  Weights weights = Weights::kAny;
  // At once.
  int jobs = 1;
  // This machine's share of the jobs: the ones whose digest is `shard` modulo `shards`, whatever else is in
  // the manifest.
  int64_t shards = 1, shard = 0;
};

// Whether that share has the job.
bool is_mine(const WarmJob& job, int64_t shards, int64_t shard);

// Makes what is missing. A line a job; a problem for each that failed, the others go on.
Result<Answer> warm(const WarmRequest& request);
// The jobs for another engine to run: "jsonl", an object a line, or "ninja", a build file whose outputs
// are marks in the folder .rlx-warm.
Result<Answer> list_jobs(const WarmRequest& request, const std::string& form);

// Sends entries to the remote cache, signed; fetches entries from it.
Result<Answer> push_entries(const CacheRequest& request, const cache::RemoteOptions& remote);
Result<Answer> pull_entries(const CacheRequest& request, const cache::RemoteOptions& remote);

}  // namespace rlx::driver
