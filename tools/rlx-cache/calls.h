// rlx-cache's flags, and the calls that need several of them.
#pragma once
#include "../common.h"
#include "cache/signature.h"
#include "driver/warm.h"

namespace rlx {

using driver::Answer;

struct Flags {
  tools::Common common;
  std::vector<std::string> keys, dims, shapes;
  std::string file, model, name, target = "host", max_size, max_age, max_files, since = "none";
  driver::Order order = driver::Order::kAge;
  bool lir = false, repair = false, dry_run = false, obsolete = false, zero = false, sign = false;
  bool allow_unsigned = false, remove = false, push = false;
  int64_t shards = 1, shard = 0;
  std::string emit;
};

inline const std::map<std::string, driver::Order> kOrders = {
    {"age", driver::Order::kAge}, {"size", driver::Order::kSize}, {"cost", driver::Order::kCost}};

inline Result<driver::CacheRequest> request_of(const Flags& f) {
  driver::CacheRequest request{.keys = f.keys};
  RLX_TRY(request.cache, f.common.cache_options());
  return request;
}

inline Result<driver::BuildRequest> build_request_of(const Flags& f) {
  driver::BuildRequest request{.model = f.model, .target = f.target};
  RLX_TRY(request.cache, f.common.cache_options());
  RLX_TRY(request.dims, tools::parse_bindings(f.dims));
  RLX_TRY(request.shapes, tools::parse_shapes(f.shapes));
  request.lists = request.shapes;
  RLX_TRY(request.options, f.common.switches());
  return request;
}

inline Result<Answer> collect(const Flags& f) {
  RLX_TRY(const driver::CacheRequest request, request_of(f));
  cache::CollectOptions options{.limits = request.cache.limits, .dry_run = f.dry_run};
  if (!f.max_size.empty()) {
    RLX_TRY(options.limits.max_bytes, cache::parse_size(f.max_size, "--max-size"));
  }
  if (!f.max_age.empty()) {
    RLX_TRY(options.limits.max_age_s, cache::parse_duration(f.max_age, "--max-age"));
  }
  if (!f.max_files.empty()) {
    RLX_TRY(const cache::Limits files, cache::parse_limits("files=" + f.max_files, "--max-files"));
    options.limits.max_files = files.max_files;
  }
  if (f.obsolete) options.current_toolchain = driver::toolchain();
  return driver::collect_entries(request, options);
}

inline Result<Answer> keygen(const Flags& f) {
  const std::string path = f.file.empty() ? cache::SigningKey::default_path() : f.file;
  RLX_TRY_VOID(cache::SigningKey::generate(path));
  return Answer{.text = path + "\n" + path + ".pub\n"};
}

inline Result<Answer> trust(const Flags& f) {
  RLX_TRY(const std::string id, cache::TrustedKeys::trust(f.file));
  return Answer{.text = id + "  trusted\n"};
}

inline Result<Answer> warm(const Flags& f) {
  driver::WarmRequest request{.manifest = f.file, .shards = f.shards, .shard = f.shard};
  RLX_TRY(request.cache, f.common.cache_options());
  RLX_TRY(request.remote, cache::remote_from_environment());
  RLX_TRY(request.weights, f.common.weights());
  if (f.push) request.remote.mode = cache::RemoteMode::kReadWrite;
  request.jobs = f.common.job_count();
  return f.emit.empty() ? driver::warm(request) : driver::list_jobs(request, f.emit);
}

// push or pull.
using Transfer = Result<Answer> (*)(const driver::CacheRequest&, const cache::RemoteOptions&);
inline Result<Answer> transfer(const driver::CacheRequest& request, Transfer call) {
  RLX_TRY(const cache::RemoteOptions remote, cache::remote_from_environment());
  return call(request, remote);
}

}  // namespace rlx
