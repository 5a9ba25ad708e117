// rlxc: compiles models into the cache, or prints a stage of the pipeline.
#include <charconv>

#include "../common.h"
#include "driver/build.h"
#include "driver/emit.h"
#include "ir/text.h"

namespace rlx {
namespace {

struct Flags {
  tools::Common common;
  std::vector<std::string> models;
  std::vector<std::string> targets = {"host"};
  std::vector<std::string> dims;
  std::string emit;
  std::string output;
  std::string key;
  std::vector<std::string> passes;
  std::string print_after;
  bool fusion_report = false;
  bool time_passes = false;
  bool keep_going = false;
};

void add_flags(CLI::App& app, Flags& f) {
  f.common.add(app);
  f.common.add_switches(app);
  app.add_option("MODEL", f.models, "model files: .onnx, .mir, .kernel")->required();
  app.add_option("-t,--target", f.targets, "host, cpu:portable, cpu:x86-64-v4, ...; repeats")
      ->allow_extra_args(false)
      ->envname("RLX_TARGET");
  app.add_option("--dim", f.dims, "bind a symbol: NAME=NUMBER; repeats")->allow_extra_args(false);
  app.add_option("--key", f.key, "the entry's key; by default computed from all that decides it");
  app.add_option("--emit", f.emit,
                 "print hir, mir, lir, kernel, image, llvm or asm instead of storing");
  app.add_option("-o,--output", f.output, "where --emit writes; stdout by default");
  app.add_option("--passes", f.passes, "with --emit=mir: run just these")
      ->allow_extra_args(false)
      ->delimiter(',');
  app.add_option("--print-after", f.print_after,
                 "print the graph after PASS or all of them, to stderr");
  app.add_flag("--fusion-report", f.fusion_report,
               "with --emit=kernel or lir: why neighbours were not fused");
  app.add_flag("--time-passes", f.time_passes, "how long each pass took, to stderr");
  app.add_flag("--keep-going", f.keep_going, "compile the other models after a failure");
}

PassOptions pass_options(const Flags& f, Vec<PassTime>& times) {
  PassOptions o;
  o.print_after = f.print_after;
  o.print = [](std::string_view pass, const Graph& g) {
    std::fprintf(stderr, "// after %.*s\n%s", static_cast<int>(pass.size()), pass.data(),
                 to_text(g).c_str());
  };
  if (f.time_passes) o.times = &times;
  return o;
}

void print_times(const Vec<PassTime>& times) {
  for (const PassTime& t : times)
    std::fprintf(stderr, "%8.3f ms  %.*s\n",
                 std::chrono::duration<double, std::milli>(t.time).count(),
                 static_cast<int>(t.pass.size()), t.pass.data());
}

Status emit(const Flags& f, const std::string& model, const std::string& target) {
  driver::EmitRequest r{.path = model, .stage = f.emit};
  RLX_TRY(r.options.target, parse_target(target));
  RLX_TRY(r.options.dims, tools::parse_bindings(f.dims));
  Vec<PassTime> times;
  RLX_TRY(r.options.options, f.common.switches());
  r.options.passes = pass_options(f, times);
  r.options.jobs = f.common.job_count();
  if (!f.passes.empty()) r.passes = f.passes;
  r.fusion_report = f.fusion_report;
  RLX_TRY(std::string text, driver::emit(r));
  print_times(times);
  if (!f.output.empty() && f.output != "-") return write_file(f.output, bytes_of(text));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Status build(const Flags& f, const std::string& model, const std::string& target,
             tools::Outcome& outcome) {
  driver::BuildRequest r{.model = model, .target = target};
  RLX_TRY(r.dims, tools::parse_bindings(f.dims));
  RLX_TRY(r.options, f.common.switches());
  r.key = f.key;
  RLX_TRY(r.cache, f.common.cache_options());
  RLX_TRY(r.remote, cache::remote_from_environment());
  Vec<PassTime> times;
  r.passes = pass_options(f, times);
  r.jobs = f.common.job_count();
  r.strict = f.common.strict;
  RLX_TRY(driver::Built built, driver::build(r, false));
  print_times(times);
  const char* state = built.hit ? "hit" : "built";
  if (!f.common.json)
    std::printf("%s  %s  %s  %s\n", built.key.c_str(), state, built.target.text.c_str(),
                model.c_str());
  outcome.item([=, target = built.target.text, key = built.key, ms = built.ms,
                nearest = built.nearest](JsonWriter& out) {
    out.begin_object();
    out.key("model");
    out.begin_object();
    out.member("path", model);
    out.end_object();
    out.key("target");
    out.begin_object();
    out.member("name", target);
    out.end_object();
    out.member("key", key);
    out.member("state", state);
    if (nearest) driver::write_json(out, *nearest);
    out.key("ms");
    out.begin_object();
    for (const auto& [step, time] : ms) out.member(step, time);
    out.end_object();
    out.end_object();
  });
  return {};
}

}  // namespace
}  // namespace rlx

int main(int argc, char** argv) {
  CLI::App app("Compiles neural networks ahead of time into the rlx cache.", "rlxc");
  rlx::Flags f;
  rlx::add_flags(app, f);
  if (std::optional<int> code = rlx::tools::parse(app, argc, argv)) return *code;
  f.common.set_log_level();
  rlx::tools::Outcome outcome("rlxc", argc, argv);
  for (const std::string& model : f.models)
    for (const std::string& target : f.targets) {
      rlx::Status s =
          f.emit.empty() ? rlx::build(f, model, target, outcome) : rlx::emit(f, model, target);
      if (s) continue;
      outcome.fail(s.error());
      if (!f.keep_going) return outcome.end(f.common.json);
    }
  return outcome.end(f.common.json && f.emit.empty());
}
