#include "driver/compile.h"

#include "driver/backends.h"
#include "passes/bind_dims.h"

namespace rlx::driver {
namespace {

Result<Plan> plan_graph(Graph g, const CompileOptions& options) {
  options.phase("planning");
  RLX_TRY_VOID(own_outputs(g));
  return plan(std::move(g), options.target, menu_of(options.target), {options.options});
}

Result<Graph> bound(Graph g, const CompileOptions& options) {
  if (options.dims.empty()) return g;
  RLX_TRY(g, bind_dims(std::move(g), options.dims));
  return optimise(std::move(g), options.passes);
}

}  // namespace

Result<Graph> optimised(Graph imported, const CompileOptions& options) {
  options.phase("optimising");
  RLX_TRY(Graph g, optimise(std::move(imported), options.passes));
  return bound(std::move(g), options);
}

Result<Plan> planned(Graph imported, const CompileOptions& options) {
  RLX_TRY(Graph g, optimised(std::move(imported), options));
  return plan_graph(std::move(g), options);
}

Result<Compiled> emitted(Plan p, const CompileOptions& options) {
  Compiled out;
  options.phase("packing weights");
  RLX_TRY(auto packed, pack_constants(p.lir));
  out.constants = pool_constants(packed);
  for (const auto& [buffer, place] : out.constants.places) {
    p.lir.buffers[buffer].blob = place.blob;
    p.lir.buffers[buffer].offset = place.offset;
  }
  options.phase("generating code");
  RLX_TRY(Code code, emit_code(p.kernels, symbol_names(p.lir.graph), options.target, options.jobs));
  RLX_TRY(out.image, build_image(p.lir, p.kernels, std::move(code)));
  out.lir = std::move(p.lir);
  out.kernels = std::move(p.kernels);
  out.refusals = std::move(p.refusals);
  return out;
}

Result<Compiled> compile(Graph imported, const CompileOptions& options) {
  RLX_TRY(Plan p, planned(std::move(imported), options));
  return emitted(std::move(p), options);
}

Result<Compiled> compile_bound(const Lir& base, const CompileOptions& options) {
  RLX_TRY(Graph g, bound(base.graph, options));
  RLX_TRY(Plan p, plan_graph(std::move(g), options));
  return emitted(std::move(p), options);
}

Result<image::Image> compile_lir(const Lir& lir, const Target& target, int jobs) {
  RLX_TRY(Vec<PlannedKernel> kernels, replay(lir));
  RLX_TRY(Code code, emit_code(kernels, symbol_names(lir.graph), target, jobs));
  return build_image(lir, kernels, std::move(code));
}

}  // namespace rlx::driver
