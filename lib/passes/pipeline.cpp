#include "passes/pipeline.h"

#include <algorithm>
#include <array>

#include "ir/verifier.h"
#include "passes/batch_inputs.h"
#include "passes/codes.h"
#include "passes/differentiate.h"
#include "passes/eliminate_common.h"
#include "passes/eliminate_dead.h"
#include "passes/expand_blocks.h"
#include "passes/fold_constants.h"
#include "passes/infer_types.h"
#include "passes/precision.h"
#include "passes/push_tangents.h"
#include "passes/share_constants.h"
#include "passes/simplify.h"
#include "support/names.h"

namespace rlx {
namespace {

struct Pass {
  std::string_view name;
  Status (*run)(Graph&, const PassOptions&);
  // Without it the graph is as good, only slower.
  bool optional;
};

// Of a pass that changes no result.
template <Status (*run)(Graph&)>
Status exact(Graph& g, const PassOptions&) {
  return run(g);
}

Status precise(Graph& g, const PassOptions& options) {
  return store_products_in(g, options.precision);
}

Status differentiated(Graph& g, const PassOptions& options) {
  return differentiate(g, options.grad);
}

Status with_tangents(Graph& g, const PassOptions& options) { return push_tangents(g, options.jvp); }

Status batched(Graph& g, const PassOptions& options) { return batch_inputs(g, options.batch); }

Status simplified(Graph& g, const PassOptions& options) { return simplify(g, options.math); }

constexpr Pass kBatchInputs{"batch_inputs", batched, false};
constexpr Pass kDifferentiate{"differentiate", differentiated, false};
constexpr Pass kEliminateCommon{"eliminate_common", exact<eliminate_common>, true};
constexpr Pass kEliminateDead{"eliminate_dead", exact<eliminate_dead>, false};
constexpr Pass kExpandBlocks{"expand_blocks", exact<expand_blocks>, false};
constexpr Pass kFoldConstants{"fold_constants", exact<fold_constants>, true};
constexpr Pass kInferTypes{"infer_types", exact<infer_types>, false};
constexpr Pass kPrecision{"precision", precise, false};
constexpr Pass kPushTangents{"push_tangents", with_tangents, false};
constexpr Pass kShareConstants{"share_constants", exact<share_constants>, true};
constexpr Pass kSimplify{"simplify", simplified, true};

// Sorted by name.
constexpr std::array kPasses{kBatchInputs,  kDifferentiate,  kEliminateCommon, kEliminateDead,
                             kExpandBlocks, kFoldConstants,  kInferTypes,      kPrecision,
                             kPushTangents, kShareConstants, kSimplify};

// Runs passes over one graph; after an error it runs none.
class Runner {
 public:
  Runner(Graph g, const PassOptions& options) : graph_(std::move(g)), options_(options) {}

  void run(const Pass& pass) {
    if (!status_ || is_off(pass)) return;
    const auto start = std::chrono::steady_clock::now();
    status_ = pass.run(graph_, options_);
    const auto time = std::chrono::steady_clock::now() - start;
    if (options_.times) options_.times->push_back({pass.name, time});
    if (!status_) return;
    if (prints(pass)) options_.print(pass.name, graph_);
    check(pass);
  }

  Result<Graph> take() {
    if (!status_) return std::move(status_.error());
    return std::move(graph_);
  }

 private:
  bool is_off(const Pass& pass) const {
    return std::find(options_.off.begin(), options_.off.end(), pass.name) != options_.off.end();
  }

  bool prints(const Pass& pass) const {
    const std::string& wanted = options_.print_after;
    return options_.print && (wanted == "all" || wanted == pass.name);
  }

  // Before the first inference values have no types, and blocks stay until they are expanded.
  void check(const Pass& pass) const {
    const Status sound = verify(graph_, Level::kHir);
    RLX_CHECK(sound.ok(), "pass " + std::string(pass.name) + " broke the graph:\n" +
                              (sound ? std::string() : to_text(sound.error())));
  }

  Graph graph_;
  const PassOptions& options_;
  Status status_;
};

}  // namespace

Result<Graph> optimise(Graph g, const PassOptions& options) {
  Runner runner(std::move(g), options);
  // What is dead may also be wrong, and is nobody's business.
  runner.run(kEliminateDead);
  runner.run(kInferTypes);
  runner.run(kExpandBlocks);
  // What is asked of the model, node by node as it stands.
  runner.run(kDifferentiate);
  runner.run(kPushTangents);
  runner.run(kBatchInputs);
  runner.run(kEliminateDead);
  runner.run(kFoldConstants);
  runner.run(kSimplify);
  // What folded and simplified may decide more shapes.
  runner.run(kInferTypes);
  runner.run(kFoldConstants);
  runner.run(kSimplify);
  runner.run(kPrecision);
  runner.run(kFoldConstants);
  runner.run(kShareConstants);
  runner.run(kEliminateCommon);
  runner.run(kEliminateDead);
  RLX_TRY(Graph result, runner.take());
  RLX_TRY_VOID(verify(result, Level::kMir));
  return result;
}

Result<Graph> run_passes(Graph g, const Vec<std::string>& names, const PassOptions& options) {
  Runner runner(std::move(g), options);
  for (const std::string& name : names) {
    auto pass = std::ranges::find(kPasses, name, &Pass::name);
    if (pass == kPasses.end()) {
      return Error(kUnknownPass, "there is no pass \"" + name + "\"", hint_for(name, pass_names()));
    }
    runner.run(*pass);
  }
  return runner.take();
}

Vec<std::string> pass_names() {
  Vec<std::string> names;
  for (const Pass& pass : kPasses) names.emplace_back(pass.name);
  return names;
}

Vec<std::string> optional_passes() {
  Vec<std::string> names;
  for (const Pass& pass : kPasses) {
    if (pass.optional) names.emplace_back(pass.name);
  }
  return names;
}

}  // namespace rlx
