// rlxc: compiles models into the cache, or prints a stage of the pipeline.
#include "driver/build.h"
#include "driver/emit.h"
#include "driver/variants.h"
#include "flags.h"
#include "ir/text.h"
#include "support/output_file.h"

namespace rlx {
namespace {

struct Job {
  std::string model, target;
  driver::Imports* imports = nullptr;
};

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
  for (const PassTime& t : times) {
    std::fprintf(stderr, "%8.3f ms  %.*s\n",
                 std::chrono::duration<double, std::milli>(t.time).count(),
                 static_cast<int>(t.pass.size()), t.pass.data());
  }
}

// The members that every item has.
void begin_item(JsonWriter& out, const Job& job) {
  out.begin_object();
  out.key("model");
  out.begin_object();
  out.member("path", job.model);
  out.end_object();
  out.key("target");
  out.begin_object();
  out.member("name", job.target);
  out.end_object();
}

// With --json and without -o the text stands in the document.
Status give(const Flags& f, const Job& job, driver::Emitted emitted, tools::Outcome& outcome) {
  const std::string& text = emitted.text;
  const bool file = !f.output.empty() && f.output != "-";
  if (file) RLX_TRY_VOID(write_file(f.output, bytes_of(text)));
  if (!file) outcome.print(text);
  if (!outcome.json()) return {};
  outcome.item(
      [=, stage = f.emit, output = f.output, emitted = std::move(emitted)](JsonWriter& out) {
        begin_item(out, job);
        out.member("stage", stage);
        out.member(file ? "output" : "text", file ? output : emitted.text);
        if (!emitted.weights.empty()) out.member("weights", emitted.weights);
        out.end_object();
      });
  return {};
}

Status emit(const Flags& f, const Job& job, tools::Outcome& outcome) {
  driver::EmitRequest r{.path = job.model, .output = f.output, .stage = f.emit};
  RLX_TRY(r.options.target, parse_target(job.target));
  RLX_TRY(r.options.dims, tools::parse_bindings(f.dims));
  RLX_TRY(r.shapes, tools::parse_shapes(f.shapes));
  Vec<PassTime> times;
  RLX_TRY(r.options.options, f.common.switches());
  r.options.passes = pass_options(f, times);
  r.options.jobs = f.common.job_count();
  if (!f.passes.empty()) r.passes = f.passes;
  r.fusion_report = f.fusion_report;
  RLX_TRY(driver::Emitted emitted, driver::emit(r));
  print_times(times);
  return give(f, job, std::move(emitted), outcome);
}

Status build(const Flags& f, const Job& job, tools::Outcome& outcome) {
  driver::BuildRequest r{.model = job.model, .key = f.key, .target = job.target};
  RLX_TRY(r.dims, tools::parse_bindings(f.dims));
  RLX_TRY(r.shapes, tools::parse_shapes(f.shapes));
  r.lists = r.shapes;
  RLX_TRY(r.options, f.common.switches());
  RLX_TRY(r.weights, f.common.weights());
  RLX_TRY(r.cache, f.common.cache_options());
  RLX_TRY(r.remote, cache::remote_from_environment());
  Vec<PassTime> times;
  r.passes = pass_options(f, times);
  r.imports = job.imports;
  r.jobs = f.common.job_count();
  r.strict = f.common.strict;
  r.must_store = true;
  RLX_TRY(const driver::Built built, driver::build(r, false));
  print_times(times);
  outcome.print(driver::line_of(built, job.model));
  outcome.item([=, target = built.target.text, key = built.key, state = built.state(),
                ms = built.ms, stored = built.stored, nearest = built.nearest](JsonWriter& out) {
    begin_item(out, {job.model, target});
    out.member("key", key);
    out.member("state", state);
    out.member("stored", stored);
    if (nearest) driver::write_json(out, *nearest);
    out.key("ms");
    out.begin_object();
    for (const auto& [step, time] : ms) out.member(step, time);
    out.end_object();
    out.end_object();
  });
  return {};
}

// False where nothing more is to be done.
bool run(const Flags& f, const Job& job, tools::Outcome& outcome) {
  outcome.set_model(job.model, f.jobs() > 1);
  Status done = f.emit.empty() ? build(f, job, outcome) : emit(f, job, outcome);
  if (done) return true;
  outcome.fail(done.error());
  outcome.item([job](JsonWriter& out) {
    begin_item(out, job);
    out.member("state", "failed");
    out.member("stored", false);
    out.end_object();
  });
  return f.keep_going;
}

int run_tool(int argc, char** argv) {
  tools::Outcome outcome("rlxc", argc, argv);
  CLI::App app("Compiles neural networks ahead of time into the rlx cache.", "rlxc");
  Flags f;
  add_flags(app, f);
  if (std::optional<int> code = outcome.parse(app, argc, argv)) return *code;
  f.common.set_log_level();
  if (Status status = check_flags(f); !status) {
    outcome.fail(status.error());
    return outcome.end();
  }
  for (const std::string& model : f.models) {
    driver::Imports imports;
    for (const std::string& target : f.targets) {
      if (!run(f, {model, target, &imports}, outcome)) return outcome.end();
    }
  }
  return outcome.end();
}

}  // namespace
}  // namespace rlx

int main(int argc, char** argv) { return rlx::run_tool(argc, argv); }
