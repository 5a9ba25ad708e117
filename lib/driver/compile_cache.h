// The compile cache for programs: what the tools do, without a process.
//
//   RLX_TRY(CompileCache cache, CompileCache::open("/var/cache/app"));
//   RLX_TRY(Built model, cache.compile("resnet50.onnx"));                   // hit or compile
//   RLX_TRY(Built batch8, cache.specialize(model.key, {{"batch", 8}}));     // a variant, stored too
//   RLX_TRY(auto device, runtime::device_for(batch8.image, {}));
//   RLX_TRY(auto session, runtime::Session::load(batch8.image, source, std::move(device)));
//
// Every call may be made from several threads and processes. Nothing aborts: bad input, a folder that
// cannot be written, a damaged entry are errors or warnings as docs/errors.md lists them.
#pragma once
#include "driver/build.h"
#include "driver/compile.h"

namespace rlx::driver {

struct CacheCompileOptions {
  // As rlxc's --target.
  std::string target = "host";
  // Bound before compiling; empty: the template.
  Dims dims = {};
  Options options = {};
  // The entry's key; empty: computed from everything that decides the result. Under a key of the
  // caller's own an entry that was made from something else is never used: it is replaced.
  std::string key = {};
  // Where large constants of a model file are kept. Of those that stay in it Built::files says what to ask.
  Weights weights = Weights::kAny;
  int jobs = 1;
};

class CompileCache {
 public:
  // No I/O beyond opening; the folder is made by the first that writes. Other settings come from the
  // environment (cache/options.h). Errors 2xxx, 8xxx.
  static Result<CompileCache> open(const std::string& root);

  const std::string& root() const { return options_.root; }
  cache::Options& options() { return options_; }

  // Stores what compile() made under a key. The fingerprint of its graph, constants included. Errors:
  // 2081 for no key; 8xxx where it cannot be stored and the options say strict.
  Result<Digest> put(const std::string& key, const Compiled& compiled, const Target& target);
  // The stored LIR, verified; its constants without bytes. Errors: 8003 where there is none, else what is
  // wrong with it.
  Result<Lir> get(const std::string& key) const;
  // Whether an entry of that key is whole: record and LIR are read and digested.
  bool contains(const std::string& key) const;

  // The entry for a model file, or for a graph (HIR or MIR: both are Graphs) and a name for it.
  Result<Built> compile(const std::string& model, const CacheCompileOptions& options = {});
  Result<Built> compile(const Graph& graph, const std::string& name,
                        const CacheCompileOptions& options = {});
  // The variant of a stored template with those dims; the order of dims does not matter.
  Result<Built> specialize(const std::string& key, const Dims& dims,
                           const CacheCompileOptions& options = {});

 private:
  BuildRequest request(const std::string& model, const CacheCompileOptions& options) const;

  cache::Options options_;
};

}  // namespace rlx::driver
