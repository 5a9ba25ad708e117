#include "test/random/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "driver/backends.h"
#include "driver/compile.h"
#include "driver/run_cover.h"
#include "frontend/onnx/reader.h"
#include "image/codec.h"
#include "image/told.h"
#include "kernel/codes.h"
#include "passes/bind_dims.h"
#include "passes/pipeline.h"
#include "plan/covering.h"
#include "runtime/codes.h"
#include "runtime/session.h"
#include "support/cpu_features.h"
#include "support/hash.h"
#include "test/random/compare.h"
#include "test/random/steps.h"

namespace rlx::random {
namespace {

using test::Tensor;

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
  RLX_TRY(driver::Compiled c, driver::emitted(std::move(p), options));
  // As who reads it from the cache does.
  RLX_TRY_VOID(image::verify(c.image));
  return c;
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

using SessionResult = Result<std::unique_ptr<runtime::Session>>;

SessionResult session_of(const driver::Compiled& c, const runtime::DeviceOptions& options) {
  runtime::BlobSource source = [&](const Digest& d) -> Result<runtime::Blob> {
    for (const auto& [digest, data] : c.constants.blobs) {
      if (digest == d) return runtime::Blob{data.bytes(), nullptr};
    }
    return Error(1000, "no blob " + d.hex());
  };
  RLX_TRY(auto device, runtime::device_for(c.image, options));
  return runtime::Session::load(c.image, source, std::move(device));
}

Result<Vec<Tensor>> run(const driver::Compiled& c, const Vec<HostTensor>& inputs,
                        const runtime::DeviceOptions& options) {
  RLX_TRY(auto session, session_of(c, options));
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

// ---- Loops ------------------------------------------------------------------------------------

// A step by itself: all that it takes, fed or not, and what it gives.
struct Step {
  Vec<HostTensor> inputs;
  Vec<Tensor> want;
};

HostTensor host_tensor(std::string name, const Tensor& t) {
  return {std::move(name), t.dtype, t.shape, AlignedBytes(bytes_of(t.bytes))};
}

bool has_name(const Vec<HostTensor>& tensors, const std::string& name) {
  return std::ranges::find(tensors, name, &HostTensor::name) != tensors.end();
}

// What goes round, as these tensors do not give it.
Vec<runtime::Feed> feeds_of(const image::Image& image, const Vec<HostTensor>& given) {
  Vec<runtime::Feed> feeds;
  for (const image::Tensor& out : image.outputs) {
    const std::string past = past_of(out.name);
    const bool is_input =
        std::ranges::find(image.inputs, past, &image::Tensor::name) != image.inputs.end();
    if (is_input && !has_name(given, past)) feeds.push_back({out.name, past});
  }
  return feeds;
}

// Those that the session takes: it refuses to feed what only the run tells the shape of.
Vec<runtime::Feed> known_ones(const image::Image& image, Vec<runtime::Feed> feeds) {
  const image::ToldExtents told = image::told_extents(image);
  for (const image::Tensor& out : image.outputs) {
    if (!is_told(out, told)) continue;
    std::erase_if(feeds, [&](const runtime::Feed& f) { return f.output == out.name; });
  }
  return feeds;
}

Vec<HostTensor> without_fed(Vec<HostTensor> inputs, const Vec<runtime::Feed>& feeds) {
  std::erase_if(inputs, [&](const HostTensor& t) {
    return std::ranges::find(feeds, t.name, &runtime::Feed::input) != feeds.end();
  });
  return inputs;
}

bool is_number(const image::Extent& e) {
  return e.steps.size() == 1 && e.steps[0].op == image::Extent::Op::kConst;
}

// Without states that are empty and need not be given, as all other extents are numbers.
Vec<HostTensor> without_empty(const runtime::Session& session, Vec<HostTensor> inputs) {
  const image::Image& image = session.image();
  for (const image::State& s : image.states) {
    const image::Tensor& in = image.inputs[s.input];
    const auto numbers = std::ranges::count_if(in.shape, is_number);
    const bool is_fed = std::ranges::any_of(session.fed(), [&](const runtime::Fed& fed) {
      return fed.input == in.name && fed.in_place;
    });
    if (!is_fed || numbers + 1 != static_cast<int64_t>(in.shape.size())) continue;
    std::erase_if(inputs,
                  [&](const HostTensor& t) { return t.name == in.name && t.shape[s.axis] == 0; });
  }
  return inputs;
}

// All outputs of a step, in the image's order.
Result<Vec<Tensor>> fed_step(runtime::Session& session, const Vec<HostTensor>& inputs) {
  RLX_TRY(Vec<HostTensor> outputs, session.step(inputs));
  RLX_TRY(Vec<HostTensor> fed, session.fed_outputs());
  std::ranges::move(fed, std::back_inserter(outputs));
  Vec<Tensor> ordered;
  for (const image::Tensor& out : session.image().outputs) {
    ordered.push_back(plain(*std::ranges::find(outputs, out.name, &HostTensor::name)));
  }
  return ordered;
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
    if (ok() && ways_.bound && has_run_ && !is_bound_) covered_runs();
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
    std::string what = difference(got, want, c_.tolerances);
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
    if (ok() && !c_.later.empty() && !is_bound_) loop(*program);
    if (!ok() || !ways_.threads) return;
    for (int threads : {1, 2}) {
      begin(threads == 1 ? "1 thread" : "2 threads");
      auto again = run(*program, c_.inputs, {.threads = threads});
      if (!again) return void(failed(again.error(), "run"));
      if (!agree(*again, interpreted_, threads == 1 ? "1 thread" : "2 threads")) return;
    }
    fed_runs(*program, {.threads = 1}, "fed, 1 thread");
    fed_runs(*program, {.threads = 2}, "fed, 2 threads");
  }

  // Each step gives, bit by bit, what a run gives that is given all its inputs, and that is right.
  void loop(const driver::Compiled& program) {
    feeds_ = feeds_of(program.image, c_.later[0]);
    if (!take_steps()) return;
    for (size_t i = 1; i < steps_.size(); ++i) {
      begin("a step by itself");
      auto got = run(program, steps_[i].inputs, {.threads = 1, .check_memory = true});
      if (!got && is_undecided(got.error())) {
        leave_undecided(got.error());
        steps_.resize(i);
        break;
      }
      if (!got) return void(failed(got.error(), "a step by itself"));
      if (!agree(*got, steps_[i].want, "a step by itself")) return at_step(i);
    }
    fed_runs(program, {.threads = 1, .check_memory = true}, "fed");
  }

  // By the interpreter, which onnxruntime confirms.
  bool take_steps() {
    steps_ = {{c_.inputs, interpreted_}};
    for (const Vec<HostTensor>& given : c_.later) {
      begin("interpret a step");
      Step next{given, {}};
      for (const runtime::Feed& feed : feeds_) {
        const auto out =
            std::ranges::find(mir_.output_names, feed.output) - mir_.output_names.begin();
        next.inputs.push_back(
            host_tensor(feed.input, steps_.back().want[static_cast<size_t>(out)]));
      }
      auto want = test::interpret(mir_, ordered(mir_, next.inputs));
      if (!want && is_undecided(want.error())) return leave_undecided(want.error()), true;
      if (!want) return failed(want.error(), "interpret a step");
      next.want = std::move(*want);
      if (ort_ && ways_.onnxruntime && !is_step_right(next)) return at_step(steps_.size()), false;
      steps_.push_back(std::move(next));
    }
    return true;
  }

  bool is_step_right(const Step& s) {
    begin("onnxruntime");
    Ort::Answer a = ort_->run(c_.onnx, s.inputs);
    if (a.refusal.empty()) return near(s.want, plain(a.outputs), "onnxruntime, a step");
    out_.refused.push_back("onnxruntime: " + a.refusal);
    return true;
  }

  void fed_runs(const driver::Compiled& program, const runtime::DeviceOptions& options,
                std::string_view name) {
    if (!ok() || steps_.size() < 2) return;
    begin(name);
    const Vec<runtime::Feed> feeds = known_ones(program.image, feeds_);
    auto session = session_of(program, options);
    Status fed = session ? (*session)->feed(feeds) : Status(session.error());
    if (!fed) return void(failed(fed.error(), std::string(name)));
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Vec<HostTensor>& inputs = steps_[i].inputs;
      auto got = fed_step(**session,
                          i == 0 ? without_empty(**session, inputs) : without_fed(inputs, feeds));
      if (!got) return failed(got.error(), std::string(name)), at_step(i);
      if (!agree(*got, steps_[i].want, name)) return at_step(i);
    }
    for (const runtime::Fed& f : (*session)->fed()) {
      made(f.in_place ? "fed in place" : "fed by changing places");
    }
  }

  void at_step(size_t step) {
    if (out_.finding) out_.finding->detail += fmt::format(", in step {}", step);
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

  // A run for a larger dim, padded, where the proof says that it serves.
  void covered_runs() {
    Graph g = mir_;
    if (!own_outputs(g)) return;
    for (const auto& [name, value] : values()) {
      begin("cover");
      const auto fault = why_not_covered(g, {name});
      if (!fault) return void(failed(fault.error(), "cover"));
      if (!*fault && value > 0 && ok()) covered_run(name);
    }
  }

  void covered_run(const std::string& name) {
    DimValues larger = values();
    std::ranges::find(larger, name, &DimValues::value_type::first)->second += 5;
    auto g = bind_dims(mir_, larger);
    if (g) g = optimise(std::move(*g));
    // The model need not take that many.
    if (!g) return;
    auto program = compiled(std::move(*g), ways_.wide, exact_plan());
    if (!program || !program->image.symbols.empty()) return;
    driver::Cover cover;
    for (const HostTensor& t : c_.inputs) cover.inputs[t.name] = t.shape;
    for (size_t i = 0; i < interpreted_.size(); ++i) {
      cover.outputs[mir_.output_names[i]] = interpreted_[i].shape;
    }
    auto session = session_of(*program, {.threads = 1, .check_memory = true});
    if (!session) return void(failed(session.error(), "covered"));
    Vec<HostTensor> inputs = c_.inputs;
    Status padded = driver::pad_inputs(inputs, program->image, cover);
    auto got = padded ? (*session)->run(inputs) : Result<Vec<HostTensor>>(padded.error());
    if (!got && got.error().first().code == runtime::kGuardFailed) return;
    if (!got) return void(failed(got.error(), "covered"));
    near(plain(*driver::cut_outputs(*got, cover)), reference_, "covered");
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
  // Of a loop.
  Vec<runtime::Feed> feeds_;
  Vec<Step> steps_;
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
