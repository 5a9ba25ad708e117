#include "driver/compile.h"

#include <algorithm>

#include <fmt/format.h>

#include "driver/backends.h"
#include "driver/switches.h"
#include "driver/toolchain.h"
#include "op/shared/codes.h"
#include "passes/bind_dims.h"
#include "passes/codes.h"
#include "plan/likely.h"
#include "plan/tell_results.h"
#include "support/names.h"

namespace rlx::driver {
namespace {

Result<Plan> plan_graph(Graph g, const CompileOptions& options) {
  options.phase("planning");
  RLX_TRY_VOID(tell_results(g));
  RLX_TRY_VOID(own_outputs(g));
  return plan(std::move(g), options.target, menu_of(options.target), {options.options});
}

// Of the image without code and places of constants, the kernels and what makes code of them.
Digest code_key_of(image::Image image, const Vec<PlannedKernel>& kernels) {
  for (image::Buffer& buffer : image.buffers) buffer.blob = {}, buffer.offset = 0;
  Hasher h("rlx.v1.code");
  h.field("compiler", compiler_id());
  h.field("llvm", llvm_version());
  h.field("image", image::encode(image));
  for (const PlannedKernel& k : kernels) {
    h.field("kernel", to_text(k.kernel));
    h.field("algorithm", k.choice.algorithm);
    for (const int64_t extent : k.choice.tile) h.field("tile", extent);
  }
  return h.finish();
}

// A fine-tuned model has the kernels of the one before: only its constants are others.
Result<image::Image> with_code(const Lir& lir, const Vec<PlannedKernel>& kernels,
                               const CompileOptions& options) {
  RLX_TRY(image::Image image, image_without_code(lir, kernels));
  const Digest key = code_key_of(image, kernels);
  if (auto known = options.find_code(key); known && known->kernels.size() == image.kernels.size()) {
    known->buffers = std::move(image.buffers);
    return std::move(*known);
  }
  options.phase("generating code");
  RLX_TRY(Code code,
          emit_code(with_stages(kernels), symbol_names(lir), options.target, options.jobs));
  RLX_TRY(image, build_image(lir, kernels, std::move(code)));
  // One that its reader refuses would be made again at every start.
  RLX_TRY_VOID(image::verify(image));
  image.code_key = key;
  return image;
}

Result<ConstantBlobs> made_blobs(Lir& lir, const KeepBlob& keep) {
  BlobMaker maker(keep);
  RLX_TRY_VOID(pack_constants(lir, [&](uint32_t buffer, PackedConstant form) {
    return maker.add(buffer, std::move(form));
  }));
  return maker.finish();
}

void note_places(Lir& lir, image::Image& image, const std::map<uint32_t, ConstantPlace>& places) {
  for (const auto& [buffer, place] : places) {
    lir.buffers[buffer].blob = image.buffers[buffer].blob = place.blob;
    lir.buffers[buffer].offset = image.buffers[buffer].offset = place.offset;
  }
}

Result<Graph> bound(Graph g, const CompileOptions& options) {
  if (options.dims.empty()) return g;
  RLX_TRY(g, bind_dims(std::move(g), options.dims));
  // The template is the gradient already, and what rounds otherwise has been done to it: a rule that finds more once
  // extents are numbers would give a variant other bits than its template.
  PassOptions passes = pass_options(options);
  passes.math = Math::kExact;
  passes.grad = passes.jvp = passes.batch = {};
  return optimise(std::move(g), passes);
}

// What an operator cannot do with open extents it may do with numbers.
bool may_need_dims(const Error& e) {
  return std::any_of(e.items.begin(), e.items.end(),
                     [](const Diagnostic& d) { return d.code == kMustBeKnown; });
}

Result<Graph> bound_first(Graph imported, const CompileOptions& options) {
  PassOptions passes = pass_options(options);
  Dims dims = options.dims;
  // The dim that is still to come is a number from the start.
  const auto batch = std::ranges::find(dims, passes.batch.name, &Dims::value_type::first);
  if (batch != dims.end()) {
    passes.batch.name = std::to_string(batch->second);
    dims.erase(batch);
  }
  RLX_TRY(Graph g, run_passes(std::move(imported), {"eliminate_dead"}));
  RLX_TRY(g, bind_dims(std::move(g), dims));
  return optimise(std::move(g), passes);
}

// Of a template; in what was made of one the dim may be bound.
Status check_likely(const Graph& g, const CompileOptions& options) {
  if (!options.dims.empty()) return {};
  for (const auto& [name, value] : likely_dims(options.options)) {
    if (g.find_symbol(name) || switches_of(options.options).batch.name == name) continue;
    return Error(kUnknownDim, fmt::format("--likely: the model has no dim \"{}\"", name),
                 hint_for(name, symbol_names(g)));
  }
  return {};
}

}  // namespace

Result<Graph> optimised(Graph imported, const CompileOptions& options) {
  options.phase("optimising");
  RLX_TRY_VOID(check_likely(imported, options));
  if (options.dims.empty()) return optimise(std::move(imported), pass_options(options));
  auto g = optimise(imported, pass_options(options));
  if (!g && !may_need_dims(g.error())) return g;
  if (g) g = bound(std::move(*g), options);
  if (g) return g;
  // Nor is what was made of open extents, and assumed of them, always right for numbers.
  auto again = bound_first(std::move(imported), options);
  return again ? std::move(again) : std::move(g);
}

Result<Plan> planned(Graph imported, const CompileOptions& options) {
  RLX_TRY(Graph g, optimised(std::move(imported), options));
  return plan_graph(std::move(g), options);
}

Result<Plan> planned_bound(const Lir& base, const CompileOptions& given) {
  CompileOptions options = given;
  options.options = base.options;
  RLX_TRY(Graph g, bound(base.graph, options));
  return plan_graph(std::move(g), options);
}

Result<image::Image> image_without_code(const Lir& lir, const Vec<PlannedKernel>& kernels) {
  return build_image(lir, kernels, {.entries = Vec<CodeEntry>(kernels.size())});
}

PassOptions pass_options(const CompileOptions& options) {
  PassOptions passes = options.passes;
  Switches switches = switches_of(options.options);
  passes.math = switches.math;
  passes.precision = switches.precision;
  passes.grad = std::move(switches.grad);
  passes.jvp = std::move(switches.jvp);
  passes.batch = std::move(switches.batch);
  passes.off = std::move(switches.disabled);
  return passes;
}

Vec<PlannedKernel> with_stages(Vec<PlannedKernel> kernels) {
  std::erase_if(kernels, [](const PlannedKernel& p) { return p.kernel.stages.empty(); });
  return kernels;
}

Result<Compiled> emitted(Plan p, const CompileOptions& options) {
  Compiled out;
  // Constants come last: they may go into a cache, which is not to be held up while code is made.
  RLX_TRY(out.image, with_code(p.lir, p.kernels, options));
  options.phase("packing weights");
  RLX_TRY(out.constants, made_blobs(p.lir, options.keep_blob));
  note_places(p.lir, out.image, out.constants.places);
  out.lir = std::move(p.lir);
  out.kernels = std::move(p.kernels);
  out.report = std::move(p.report);
  return out;
}

Result<Compiled> compile(Graph imported, const CompileOptions& options) {
  RLX_TRY(Plan p, planned(std::move(imported), options));
  return emitted(std::move(p), options);
}

Result<Compiled> compile_bound(const Lir& base, const CompileOptions& given) {
  RLX_TRY(Plan p, planned_bound(base, given));
  return emitted(std::move(p), given);
}

Result<image::Image> compile_lir(const Lir& lir, const Target& target, int jobs) {
  RLX_TRY(const Vec<PlannedKernel> kernels, replay(lir));
  RLX_TRY(image::Image image, with_code(lir, kernels, {.target = target, .jobs = jobs}));
  // Lifetimes are what the LIR says, and nobody else looks at them.
  RLX_TRY_VOID(image::verify(image));
  return image;
}

}  // namespace rlx::driver
