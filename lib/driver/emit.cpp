#include "driver/emit.h"

#include <filesystem>
#include <set>

#include "driver/backends.h"
#include "driver/build.h"
#include "driver/codes.h"
#include "driver/switches.h"
#include "frontend/frontend.h"
#include "frontend/hir_json/writer.h"
#include "ir/text.h"
#include "support/files.h"
#include "support/output_file.h"

namespace rlx::driver {
namespace {

Error no_stage(const EmitRequest& r) {
  return Error(kUnknownStage, "cannot emit " + r.stage + " from " + r.path,
               "stages are hir, mir, lir, kernel, fusion, image, llvm, asm, ptx, sass");
}

bool is_code(const std::string& stage) {
  return stage == "llvm" || stage == "asm" || stage == "ptx" || stage == "sass";
}

Result<std::string> as_code(const Vec<PlannedKernel>& kernels, const Vec<std::string>& symbols,
                            const EmitRequest& r) {
  const Target& target = r.options.target;
  if (r.stage == "llvm") return emit_text(kernels, symbols, target, CodeText::kLlvm);
  if ((r.stage == "asm") != target.is_cpu()) {
    return Error(kUnknownStage, "cannot emit " + r.stage + " for " + target.text,
                 "cpu: targets have asm, cuda: targets ptx and sass");
  }
  if (r.stage == "sass") return emit_text(kernels, symbols, target, CodeText::kSass);
  return emit_text(kernels, symbols, target, target.is_cpu() ? CodeText::kAsm : CodeText::kPtx);
}

std::string as_kernels(const Vec<PlannedKernel>& planned) {
  Vec<Kernel> kernels;
  for (const PlannedKernel& p : planned) kernels.push_back(p.kernel);
  return to_text(kernels);
}

// Symbols that the kernels name, in order: text has no table of them.
Vec<std::string> symbols_in(const Vec<Kernel>& kernels) {
  std::set<std::string> found;
  auto look = [&](const Dim& d) {
    each_atom(d, [&](const Atom& a) {
      if (a.kind == Atom::Kind::kSymbol) found.insert(a.symbol);
    });
  };
  for (const Kernel& k : kernels) {
    for (const Arg& a : k.args) {
      for (const Dim& d : a.shape) look(d);
    }
    for (const Loop& l : k.grid) look(l.extent);
    for (const Stage& s : k.stages) {
      for (const Loop& l : s.loops) look(l.extent);
    }
  }
  return {found.begin(), found.end()};
}

Result<std::string> emit_kernels(const EmitRequest& r) {
  RLX_TRY(const std::string text, read_file(r.path));
  RLX_TRY(const Vec<Kernel> kernels, parse_kernels(text));
  if (r.stage == "kernel") return to_text(kernels);
  if (!is_code(r.stage)) return no_stage(r);
  Vec<PlannedKernel> planned;
  for (const Kernel& k : kernels) {
    RLX_TRY(Vec<Alternative> all, menu_of(r.options.target)(k, r.options.target));
    PlannedKernel p{k, all[0].choice};
    // Storages that the text leaves row-major follow the choice.
    for (size_t a = 0; a < k.args.size(); ++a) {
      if (k.args[a].storage.is_row_major() && all[0].needs[a].kind != Need::Kind::kAny) {
        p.kernel.args[a].storage = all[0].needs[a].wanted(static_cast<int>(k.args[a].shape.size()));
      }
    }
    planned.push_back(std::move(p));
  }
  return as_code(planned, symbols_in(kernels), r);
}

std::string with_report(const std::string& text, const EmitRequest& r, const PlanReport& report) {
  return r.fusion_report ? text + to_text(report) : text;
}

Result<std::string> as_plan(Plan p, const EmitRequest& r) {
  if (r.stage == "kernel") return with_report(as_kernels(with_stages(p.kernels)), r, p.report);
  if (r.stage == "fusion") return to_json(p.report);
  if (is_code(r.stage)) return as_code(with_stages(p.kernels), symbol_names(p.lir), r);
  RLX_TRY(const Compiled c, emitted(std::move(p), r.options));
  if (r.stage == "lir") return with_report(to_json(c.lir), r, c.report);
  if (r.stage == "image") return image::to_text(c.image);
  return no_stage(r);
}

// m.json has its weights in m.safetensors, which takes its place only where the model is still what was read.
Result<Emitted> with_weights(const ModelFile& model, const Graph& g, const std::string& output) {
  const std::string weights =
      std::filesystem::path(output).replace_extension(".safetensors").string();
  const std::string name = std::filesystem::path(weights).filename().string();
  RLX_TRY(hir_json::WrittenModel written, hir_json::write_model(g, name));
  if (written.weights.empty()) return Emitted{std::move(written.text)};
  RLX_TRY(OutputFile file, OutputFile::create(weights));
  RLX_TRY_VOID(hir_json::write_safetensors(written.weights, file));
  RLX_TRY_VOID(check_unchanged(model));
  RLX_TRY_VOID(file.finish());
  return Emitted{std::move(written.text), weights};
}

Result<Emitted> as_graph(const ModelFile& model, const Graph& g, const EmitRequest& r) {
  if (r.output.ends_with(".json")) return with_weights(model, g, r.output);
  return Emitted{to_text(g)};
}

Result<Emitted> emit_from(ModelFile& model, const EmitRequest& r) {
  if (r.stage == "hir") return as_graph(model, model.graph, r);
  if (r.passes) {
    if (r.stage != "mir") return no_stage(r);
    PassOptions passes = pass_options(r.options);
    // Those that are named run.
    passes.off = r.options.passes.off;
    RLX_TRY(const Graph g, run_passes(std::move(model.graph), *r.passes, passes));
    return as_graph(model, g, r);
  }
  if (r.stage == "mir") {
    RLX_TRY(const Graph g, optimised(std::move(model.graph), r.options));
    return as_graph(model, g, r);
  }
  RLX_TRY(Plan p, planned(std::move(model.graph), r.options));
  RLX_TRY(std::string text, as_plan(std::move(p), r));
  return Emitted{std::move(text)};
}

Result<Emitted> emit_graph(EmitRequest r) {
  RLX_TRY(ModelFile model, watched_model(r.path, {}, inputs_asked(r.options.options), r.shapes));
  RLX_TRY(const Dims dims, dims_of(model.graph, r.shapes));
  r.options.dims.insert(r.options.dims.end(), dims.begin(), dims.end());
  auto emitted = emit_from(model, r);
  // What was made of other bytes is nothing, and why it failed is no news.
  const bool is_checked = emitted && !emitted->weights.empty();
  if (!is_checked) RLX_TRY_VOID(check_unchanged(model));
  return emitted;
}

}  // namespace

Result<Emitted> emit(const EmitRequest& request) {
  if (!request.path.ends_with(".kernel")) return emit_graph(request);
  RLX_TRY(std::string text, emit_kernels(request));
  return Emitted{std::move(text)};
}

}  // namespace rlx::driver
