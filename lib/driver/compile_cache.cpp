#include "driver/compile_cache.h"

#include <filesystem>

#include "cache/codes.h"
#include "driver/store_compiled.h"
#include "ir/text.h"

namespace rlx::driver {

Result<CompileCache> CompileCache::open(const std::string& root) {
  CompileCache made;
  RLX_TRY(made.options_, cache::options_from_environment());
  std::error_code ignored;
  made.options_.root = std::filesystem::absolute(root, ignored).string();
  if (made.options_.mode == cache::Mode::kOff) made.options_.mode = cache::Mode::kReadWrite;
  return made;
}

Result<Digest> CompileCache::put(const std::string& key, const Compiled& compiled,
                                 const Target& target) {
  RLX_TRY(cache::Store store, cache::Store::open(options_));
  Action action = action_of(compiled.lir.graph, key, target, compiled.lir.options, options_.salt);
  action.key = key;
  RLX_TRY_VOID(store_compiled(store, store.lock(key), action, compiled, {}, 0));
  return action.fingerprint;
}

Result<Lir> CompileCache::get(const std::string& key) const {
  RLX_TRY(const cache::Store store, cache::Store::open(options_));
  RLX_TRY(const cache::Lookup found, store.lookup(key));
  if (found.hit) return lir_from_json(found.lir, {});
  if (found.why == cache::Lookup::Why::kUnreadable) return Error(cache::kCannotRead, found.reason);
  const bool absent = found.why == cache::Lookup::Why::kAbsent;
  return Error(absent ? cache::kMissing : cache::kDamaged, found.reason, "compile the model again");
}

bool CompileCache::contains(const std::string& key) const {
  auto store = cache::Store::open(options_);
  if (!store) return false;
  auto found = store->lookup(key, {.again = true});
  return found && found->hit;
}

BuildRequest CompileCache::request(const std::string& model,
                                   const CacheCompileOptions& options) const {
  BuildRequest r{.model = model, .key = options.key, .target = options.target};
  r.dims = options.dims;
  r.options = options.options;
  r.weights = options.weights;
  r.jobs = options.jobs;
  r.cache = options_;
  return r;
}

Result<Built> CompileCache::compile(const std::string& model, const CacheCompileOptions& options) {
  return build(request(model, options), true);
}

Result<Built> CompileCache::compile(const Graph& graph, const std::string& name,
                                    const CacheCompileOptions& options) {
  BuildRequest r = request(name, options);
  r.graph = &graph;
  return build(r, true);
}

Result<Built> CompileCache::specialize(const std::string& key, const Dims& dims,
                                       const CacheCompileOptions& options) {
  BuildRequest r = request(key, options);
  r.dims = dims;
  return build(r, true);
}

}  // namespace rlx::driver
