#include "test/random/check.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "driver/backends.h"
#include "driver/compile.h"
#include "frontend/onnx/reader.h"
#include "image/codec.h"
#include "kernel/codes.h"
#include "kernel/element.h"
#include "passes/bind_dims.h"
#include "passes/pipeline.h"
#include "runtime/session.h"
#include "support/cpu_features.h"
#include "support/hash.h"

namespace rlx::random {
namespace {

using test::Tensor;

// ---- Comparing --------------------------------------------------------------------------------

double number_at(DType t, const char* at) {
  return with_type(t, [&]<class T>() {
    T v;
    std::memcpy(&v, at, sizeof v);
    return convert<double>(v);
  });
}

std::string place(size_t output, int64_t at, double got, double want) {
  return fmt::format("output {} element {} is {}, not {}", output, at, got, want);
}

// Empty: none. Any NaN is as good as another.
std::string difference_in_bits(const Vec<Tensor>& got, const Vec<Tensor>& want) {
  if (got.size() != want.size()) return "another number of outputs";
  for (size_t o = 0; o < got.size(); ++o) {
    if (got[o].dtype != want[o].dtype || got[o].shape != want[o].shape) {
      return fmt::format("output {} has another type or shape", o);
    }
    auto size = static_cast<size_t>(size_of(got[o].dtype));
    for (size_t i = 0; i < got[o].bytes.size(); i += size) {
      if (std::memcmp(&got[o].bytes[i], &want[o].bytes[i], size) == 0) continue;
      double g = number_at(got[o].dtype, &got[o].bytes[i]);
      double w = number_at(want[o].dtype, &want[o].bytes[i]);
      if (std::isnan(g) && std::isnan(w)) continue;
      return place(o, static_cast<int64_t>(i / size), g, w);
    }
  }
  return {};
}

double largest(const Tensor& t) {
  double most = 0;
  auto size = static_cast<size_t>(size_of(t.dtype));
  for (size_t i = 0; i < t.bytes.size(); i += size) {
    double v = std::abs(number_at(t.dtype, &t.bytes[i]));
    if (std::isfinite(v)) most = std::max(most, v);
  }
  return most;
}

// A float's own share: what no estimate of rounding goes below.
double least_tolerance(DType t) {
  switch (t) {
    case DType::kF16: return 4e-3;
    case DType::kBF16: return 3e-2;
    case DType::kF32: return 2e-5;
    case DType::kF64: return 1e-9;
    default: return 0;
  }
}

std::string difference(const Vec<Tensor>& got, const Vec<Tensor>& want, const Case& c) {
  if (got.size() != want.size()) return "another number of outputs";
  for (size_t o = 0; o < got.size(); ++o) {
    const Tensor &g = got[o], &w = want[o];
    if (g.dtype != w.dtype) return fmt::format("output {} has another type", o);
    if (g.shape != w.shape) return fmt::format("output {} has another shape", o);
    double scale = largest(w);
    double tolerance = least_tolerance(g.dtype) * (1 + scale);
    if (is_float(g.dtype)) {
      tolerance = c.tolerances.empty() ? 1e-3 * scale + 1e-4 : std::max(tolerance, c.tolerances[o]);
    }
    auto size = static_cast<size_t>(size_of(g.dtype));
    for (size_t i = 0; i < g.bytes.size(); i += size) {
      double a = number_at(g.dtype, &g.bytes[i]), b = number_at(w.dtype, &w.bytes[i]);
      bool same = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance;
      if (!same) {
        return place(o, static_cast<int64_t>(i / size), a, b) +
               fmt::format(" +- {:.3g}", tolerance);
      }
    }
  }
  return {};
}

Tensor plain(const HostTensor& t) {
  Bytes b = t.data.bytes();
  return {t.dtype, t.shape, std::string(reinterpret_cast<const char*>(b.data()), b.size())};
}

Vec<Tensor> plain(const Vec<HostTensor>& all) {
  Vec<Tensor> out;
  for (const HostTensor& t : all) out.push_back(plain(t));
  return out;
}

// ---- Compiling --------------------------------------------------------------------------------

Result<Graph> imported(const std::string& onnx) {
  auto keeper = std::make_shared<const std::string>(onnx);
  RLX_TRY(ModelFile file, onnx::read_model(*keeper, keeper, ""));
  return std::move(file.graph);
}

Target target_for(bool wide) {
  Target v3 = *parse_target("cpu:x86-64-v3"), v4 = *parse_target("cpu:x86-64-v4");
  if (!wide) return v3;
  auto& facts = std::get<CpuTarget>(v4.facts);
  // LLVM splits the wide vectors.
  if (!missing_on_host(facts.features).empty()) {
    facts.cpu = v3.cpu().cpu, facts.features = v3.cpu().features;
  }
  return v4;
}

Result<Plan> planned(Graph mir, bool wide, const PlanOptions& options) {
  const Target target = target_for(wide);
  RLX_TRY_VOID(own_outputs(mir));
  RLX_TRY(Plan p, plan(std::move(mir), target, driver::menu_of(target), options));
  // A merge that the verifier refuses is a bug, though the values are right.
  for (const Neighbours& n : p.report.neighbours) {
    if (n.reason.starts_with("unsound")) return Error(kInvalidKernel, n.reason);
  }
  RLX_TRY(const Vec<PlannedKernel> again, replay(p.lir));
  for (size_t i = 0; i < again.size(); ++i) {
    if (again[i].kernel == p.kernels[i].kernel) continue;
    return Error(kInvalidKernel, "a replayed kernel is another: " + p.kernels[i].kernel.name);
  }
  return p;
}

Result<driver::Compiled> emitted(Plan p, bool wide) {
  const driver::CompileOptions options{.target = target_for(wide), .options = p.lir.options};
  return driver::emitted(std::move(p), options);
}

// MIR to an image.
Result<driver::Compiled> compiled(Graph mir, bool wide, const PlanOptions& options = {}) {
  RLX_TRY(Plan p, planned(std::move(mir), wide, options));
  return emitted(std::move(p), wide);
}

// Every row has the bits of its kernel's text. Without a switch of plan/ if one is named.
PlanOptions exact_plan(const std::string& off = {}) {
  PlanOptions exact{{{"math", "exact"}}};
  if (!off.empty()) exact.options.insert(exact.options.begin(), {"disable", off});
  return exact;
}

bool plans_alike(const Lir& a, const Lir& b) {
  return std::ranges::equal(a.groups, b.groups, {}, &Group::choice, &Group::choice);
}

Result<Vec<Tensor>> run(const driver::Compiled& c, const Vec<HostTensor>& inputs,
                        const runtime::DeviceOptions& options) {
  runtime::BlobSource source = [&](const Digest& d) -> Result<runtime::Blob> {
    for (const auto& [digest, data] : c.constants.blobs) {
      if (digest == d) return runtime::Blob{data.bytes(), nullptr};
    }
    return Error(1000, "no blob " + d.hex());
  };
  RLX_TRY(auto device, runtime::device_for(c.image, options));
  RLX_TRY(auto session, runtime::Session::load(c.image, source, std::move(device)));
  RLX_TRY(Vec<HostTensor> outputs, session->run(inputs));
  return plain(outputs);
}

// Inputs in the graph's order.
Vec<Tensor> ordered(const Graph& g, const Vec<HostTensor>& inputs) {
  Vec<Tensor> out;
  for (ValueId v : g.inputs()) {
    for (const HostTensor& t : inputs) {
      if (t.name == g[v].name) out.push_back(plain(t));
    }
  }
  return out;
}

// ---- The checks -------------------------------------------------------------------------------

class Checks {
 public:
  Checks(const Case& c, const Ways& ways, Ort* ort, const std::function<void(std::string_view)>& at)
      : c_(c), ways_(ways), ort_(ort), at_(at) {}

  Outcome run_all() {
    if (!import() || !reference()) return std::move(out_);
    if (ways_.onnxruntime) against_onnxruntime();
    if (!ok() || !optimised()) return std::move(out_);
    template_run();
    if (ok() && ways_.bound && !is_bound_) bound_run();
    if (!has_run_) return std::move(out_);
    for (const std::string& part : ways_.plan_off) {
      if (ok()) planned_without(part);
    }
    for (const std::string& pass : ways_.passes_off) {
      if (ok()) without(pass);
    }
    return std::move(out_);
  }

 private:
  bool ok() const { return !out_.finding; }

  void begin(std::string_view what) { at_(what); }
  void made(std::string_view what) { out_.made.emplace_back(what); }

  void find(std::string kind, std::string detail, std::string what = {}) {
    if (ok()) out_.finding = Finding{std::move(kind), std::move(what), std::move(detail)};
  }

  // What rlx says it cannot do is counted; all else is a fault, since the model is valid.
  bool failed(const Error& e, std::string kind) {
    const Diagnostic& d = e.first();
    if (e.exit_code() == static_cast<int>(Exit::kUnsupported)) {
      out_.refused.push_back(fmt::format("rlx: {} {}: {}", kind, d.op, d.message));
      return false;
    }
    find(std::move(kind), to_text(e), fmt::format("E{}", d.code));
    return false;
  }

  bool agree(const Vec<Tensor>& got, const Vec<Tensor>& want, std::string_view name) {
    made(name);
    std::string what = difference_in_bits(got, want);
    if (!what.empty()) find(std::string(name), what);
    return ok();
  }

  bool near(const Vec<Tensor>& got, const Vec<Tensor>& want, std::string_view name) {
    made(name);
    std::string what = difference(got, want, c_);
    if (!what.empty()) find(std::string(name), what);
    return ok();
  }

  DimValues values() const { return DimValues(c_.open.begin(), c_.open.end()); }

  bool is_undecided(const Error& e) const {
    int code = e.exit_code();
    return !c_.open.empty() &&
           (code == static_cast<int>(Exit::kUnsupported) || code == static_cast<int>(Exit::kShape));
  }

  void leave_undecided(const Error& e) {
    out_.refused.push_back(fmt::format("rlx: open dims: {}", e.first().message));
  }

  bool import() {
    begin("import");
    auto g = imported(c_.onnx);
    if (!g) return failed(g.error(), "import");
    hir_ = std::move(*g);
    return true;
  }

  // The graph as imported, types and blocks aside.
  bool reference() {
    begin("reference");
    PassOptions off;
    for (const std::string& pass : pass_names()) {
      bool needed = pass == "infer_types" || pass == "expand_blocks" || pass == "eliminate_dead";
      if (!needed) off.off.push_back(pass);
    }
    auto g = optimise(hir_, off);
    // What open dims leave undecided, or assumed otherwise, is decided where they are bound.
    auto fits = g && !c_.open.empty() ? bind_dims(*g, values()) : Result<Graph>(Graph());
    const Error* undecided = !g ? &g.error() : !fits ? &fits.error() : nullptr;
    if (undecided && is_undecided(*undecided)) {
      leave_undecided(*undecided);
      begin("bind as imported");
      auto fixed = bind_dims(std::move(hir_), values());
      if (!fixed) return failed(fixed.error(), "bind as imported");
      hir_ = std::move(*fixed);
      is_bound_ = true;
      g = optimise(hir_, off);
    }
    if (!g) return failed(g.error(), "infer");
    auto outputs = test::interpret(*g, ordered(*g, c_.inputs));
    if (!outputs) return failed(outputs.error(), "reference");
    reference_ = std::move(*outputs);
    return true;
  }

  void against_onnxruntime() {
    begin("onnxruntime");
    Ort::Answer a = ort_->run(c_.onnx, c_.inputs);
    if (!a.refusal.empty()) {
      out_.refused.push_back("onnxruntime: " + a.refusal);
      return;
    }
    near(reference_, plain(a.outputs), "onnxruntime");
  }

  bool optimised() {
    begin("optimise");
    auto g = optimise(hir_);
    if (!g) return failed(g.error(), "optimise");
    mir_ = std::move(*g);
    begin("interpret MIR");
    auto outputs = test::interpret(mir_, ordered(mir_, c_.inputs));
    if (!outputs) return failed(outputs.error(), "interpret");
    interpreted_ = std::move(*outputs);
    return near(interpreted_, reference_, "passes");
  }

  void template_run() {
    begin("compile");
    if (ways_.wide) made("tiles of x86-64-v4");
    auto program = compiled(mir_, ways_.wide, exact_plan());
    if (!program) return void(failed(program.error(), "compile"));
    auto lies_in_another = [](const Placed& p) { return p.inside.has_value(); };
    if (std::ranges::any_of(program->lir.placed, lies_in_another)) made("values in others");
    begin("guarded run");
    auto got = run(*program, c_.inputs, {.threads = 1, .check_memory = true});
    // It says what it had to assume of open dims; bound, they have to do.
    if (!got && is_undecided(got.error())) return leave_undecided(got.error());
    if (!got) return void(failed(got.error(), "run"));
    has_run_ = true;
    if (!agree(*got, interpreted_, "bits")) return;
    inexact_run(program->lir);
    if (!ok() || !ways_.threads) return;
    for (int threads : {1, 2}) {
      begin(threads == 1 ? "1 thread" : "2 threads");
      auto again = run(*program, c_.inputs, {.threads = threads});
      if (!again) return void(failed(again.error(), "run"));
      if (!agree(*again, interpreted_, threads == 1 ? "1 thread" : "2 threads")) return;
    }
  }

  // What rounds otherwise, where a row of the menu does.
  void inexact_run(const Lir& exact) {
    begin("compile inexact");
    auto p = planned(mir_, ways_.wide, {{{"math", "fast"}}});
    if (p && plans_alike(p->lir, exact)) return;
    auto program = p ? emitted(std::move(*p), ways_.wide) : std::move(p.error());
    if (!program) return void(failed(program.error(), "compile inexact"));
    auto got = run(*program, c_.inputs, {.threads = 1, .check_memory = true});
    if (!got) return void(failed(got.error(), "run inexact"));
    near(*got, reference_, "inexact rows");
  }

  void bound_run() {
    begin("bind");
    auto g = bind_dims(mir_, values());
    if (g) g = optimise(std::move(*g));
    if (!g) return void(failed(g.error(), "bind"));
    begin("interpret bound");
    auto want = test::interpret(*g, ordered(*g, c_.inputs));
    if (!want) return void(failed(want.error(), "interpret bound"));
    if (!near(*want, reference_, "bound passes")) return;
    begin("compile bound");
    auto program = compiled(std::move(*g), ways_.wide, exact_plan());
    if (!program) return void(failed(program.error(), "compile bound"));
    begin("guarded run bound");
    auto got = run(*program, c_.inputs, {.threads = 1, .check_memory = true});
    if (!got) return void(failed(got.error(), "run bound"));
    agree(*got, *want, "bound bits");
  }

  void planned_without(const std::string& part) {
    const std::string name = "without " + part;
    begin(name);
    auto program = compiled(mir_, ways_.wide, exact_plan(part));
    if (!program) return void(failed(program.error(), name));
    auto got = run(*program, c_.inputs, {.threads = 1, .check_memory = true});
    if (!got) return void(failed(got.error(), name));
    agree(*got, interpreted_, name);
  }

  // Where everything is exact: which inexact rules find something to do may hang on the pass.
  void without(const std::string& pass) {
    const std::string name = "without " + pass;
    begin(name);
    PassOptions exact;
    exact.math = Math::kExact;
    auto with_it = passed(exact);
    exact.off = {pass};
    auto without_it = passed(exact);
    for (auto* result : {&with_it, &without_it}) {
      if (!*result) return void(failed(result->error(), name));
    }
    agree(*without_it, *with_it, name);
  }

  Result<Vec<Tensor>> passed(const PassOptions& options) {
    RLX_TRY(Graph g, optimise(hir_, options));
    return test::interpret(g, ordered(g, c_.inputs));
  }

  const Case& c_;
  const Ways& ways_;
  Ort* ort_;
  const std::function<void(std::string_view)>& at_;
  Outcome out_;
  Graph hir_, mir_;
  // The template was refused.
  bool is_bound_ = false;
  // The template took these dims.
  bool has_run_ = false;
  Vec<Tensor> reference_, interpreted_;
};

}  // namespace

Outcome check(const Case& c, const Ways& ways, Ort* ort,
              const std::function<void(std::string_view)>& at) {
  return Checks(c, ways, ort, at).run_all();
}

std::string compiled_digest(Result<Graph> hir, bool wide) {
  auto compile = [&]() -> Result<driver::Compiled> {
    RLX_TRY(Graph g, std::move(hir));
    RLX_TRY(Graph mir, optimise(std::move(g)));
    return compiled(std::move(mir), wide);
  };
  auto program = compile();
  if (!program) return fmt::format("E{}", program.error().first().code);
  program->image.code_key = {};
  Sha256 hash;
  hash.update(bytes_of(image::encode(program->image)));
  for (const auto& [digest, data] : program->constants.blobs) hash.update(bytes_of(digest.hex()));
  return hash.finish().hex();
}

std::string compiled_digest(const Case& c, bool wide) {
  return compiled_digest(imported(c.onnx), wide);
}

Result<Vec<HostTensor>> wanted_of(const Case& c, Ort* ort) {
  RLX_TRY(Graph hir, imported(c.onnx));
  Vec<HostTensor> outputs;
  if (ort) {
    Ort::Answer a = ort->run(c.onnx, c.inputs);
    outputs = std::move(a.outputs);
  }
  if (outputs.empty()) {
    PassOptions off;
    off.off = optional_passes();
    RLX_TRY(Graph g, optimise(hir, off));
    RLX_TRY(Vec<Tensor> all, test::interpret(g, ordered(g, c.inputs)));
    for (Tensor& t : all) {
      outputs.push_back({"", t.dtype, t.shape, AlignedBytes(bytes_of(t.bytes))});
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i].name = hir.output_names[i];
  return outputs;
}

const Vec<std::string>& exact_passes() {
  static const Vec<std::string> all = {"eliminate_common", "eliminate_dead", "fold_constants",
                                       "share_constants"};
  return all;
}

}  // namespace rlx::random
