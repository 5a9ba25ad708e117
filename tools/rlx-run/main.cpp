// rlx-run: runs a model or an entry of the cache, compares its outputs, measures it.
#include "../common.h"
#include "commands.h"
#include "driver/devices.h"
#include "driver/run_model.h"

namespace rlx {
namespace {

struct Flags {
  tools::Common common;
  std::string model;
  std::vector<std::string> dims, shapes;
  std::string target = "host", device;
  std::string on_miss = "bind";
  bool require_cached = false;
  driver::RunRequest request;
  double min_time_ns = 500e6;
  std::string scale = "none";
};

const std::map<std::string, double> kUnits = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

void add_load_flags(CLI::App& app, Flags& f) {
  app.add_option("MODEL", f.model, "a model file, or the key of an entry")->required();
  app.add_option("-t,--target", f.target, "what to compile for")->envname("RLX_TARGET");
  app.add_option("--device", f.device, "cpu, cuda or cuda:NUMBER; it says the target too")
      ->envname("RLX_DEVICE");
  app.add_option("--dim", f.dims, "NAME=NUMBER: for generated inputs, and to bind; repeats")
      ->allow_extra_args(false);
  app.add_option("--shape", f.shapes,
                 "x=2,3, x.0=2,3 or x=[]: of inputs that are not given, as for rlxc; repeats")
      ->allow_extra_args(false);
  app.add_option("--on-miss", f.on_miss, "bind, template or error (exit 6)")
      ->check(CLI::IsMember(tools::kOnMiss))
      ->envname("RLX_ON_MISS");
  app.add_flag("--require-cached", f.require_cached, "--on-miss=error");
}

void add_run_flags(CLI::App& app, Flags& f) {
  driver::RunRequest& r = f.request;
  app.add_option("-i,--inputs", r.inputs, ".npz, .npy, NAME=F.npy, or a folder of sets; repeats")
      ->allow_extra_args(false);
  app.add_option("--feed", r.feed,
                 "OUTPUT=INPUT of the next step; * is any text: 'present_*=past_*'; repeats")
      ->allow_extra_args(false);
  app.add_option("--steps", r.steps, "how many, with --feed; one for each set where not given")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", r.seed, "of the inputs that are generated where none are given");
  app.add_option("-o,--outputs", r.outputs, "F.npz, or a folder for a .npz a set");
  app.add_option("--expect", r.expect, "outputs to compare with: F.npz or a folder (exit 9)");
  app.add_option("--rtol", r.tolerance.rtol, "relative tolerance; by dtype where not given");
  app.add_option("--atol", r.tolerance.atol, "absolute tolerance");
  app.add_option("--scale", f.scale, "max: rtol is of the output's largest value")
      ->check(CLI::IsMember({"max", "none"}));
  app.add_option("--threads", r.threads, "0: a thread a core")
      ->check(CLI::Range(0, 1024))
      ->envname("RLX_THREADS");
  app.add_flag("--check-memory", r.check_memory,
               "end each buffer at memory that may not be touched");
  app.add_flag("--check-kernels", r.check_kernels,
               "on a GPU wait after each kernel, so that an error names it; write no outputs");
}

CLI::App& add_command(CLI::App& app, Flags& f, const std::string& name, const std::string& what) {
  CLI::App& command = *app.add_subcommand(name, what)->fallthrough();
  add_load_flags(command, f);
  f.common.add_switches(command);
  f.common.add_weights(command);
  add_run_flags(command, f);
  return command;
}

void add_commands(CLI::App& app, Flags& f) {
  f.common.add(app);
  app.require_subcommand(1);
  add_command(app, f, "run", "run each set of inputs once (the default)");
  add_command(app, f, "profile", "run, then say how long each command took");
  add_command(app, f, "bench", "run, then measure the steady state")
      .add_option("--min-time", f.min_time_ns, "how long to measure: 500ms")
      ->transform(CLI::AsNumberWithUnit(kUnits, CLI::AsNumberWithUnit::UNIT_REQUIRED));
  app.add_subcommand("devices", "what can run models here")->fallthrough();
}

Result<driver::RunRequest> request_of(const CLI::App& app, const Flags& f) {
  driver::RunRequest r = f.request;
  r.load.model_or_key = f.model;
  RLX_TRY(const driver::DeviceChoice device, driver::device_choice(f.device, f.target));
  r.load.target = device.target;
  r.gpu = device.gpu;
  RLX_TRY(r.load.options, f.common.switches());
  RLX_TRY(r.load.weights, f.common.weights());
  r.load.on_miss = f.require_cached ? driver::OnMiss::kError : tools::kOnMiss.at(f.on_miss);
  r.load.jobs = f.common.job_count();
  r.load.strict = f.common.strict;
  RLX_TRY(r.load.cache, f.common.cache_options());
  RLX_TRY(r.load.remote, cache::remote_from_environment());
  RLX_TRY(r.load.dims, tools::parse_bindings(f.dims));
  RLX_TRY(r.load.input_shapes, tools::parse_shapes(f.shapes));
  r.tolerance.by_largest = f.scale == "max";
  r.profile = app.got_subcommand("profile");
  if (app.got_subcommand("bench")) {
    r.bench = {.min_time = std::chrono::nanoseconds(static_cast<int64_t>(f.min_time_ns))};
  }
  return r;
}

std::string to_text(const Vec<driver::RunItem>& items) {
  std::string text;
  for (const driver::RunItem& item : items) {
    if (items.size() > 1) text += "set " + item.set + "\n";
    text += driver::to_text(item);
  }
  return text;
}

Status run(const CLI::App& app, const Flags& f, tools::Outcome& outcome) {
  if (app.got_subcommand("devices")) {
    tools::list_devices(outcome);
    return {};
  }
  RLX_TRY(const driver::RunRequest request, request_of(app, f));
  Vec<driver::RunItem> items;
  Status status = run_model(request, driver::load, items);
  outcome.print(to_text(items));
  for (const driver::RunItem& item : items) {
    outcome.item([item](JsonWriter& out) { write_json(out, item); });
  }
  return status;
}

int run_tool(int argc, char** argv) {
  tools::Outcome outcome("rlx-run", argc, argv);
  CLI::App app("Runs neural networks from the rlx cache.", "rlx-run");
  Flags f;
  add_commands(app, f);
  std::string run_command = "run";
  Vec<char*> args = tools::with_command(argc, argv, run_command);
  if (auto code = outcome.parse(app, static_cast<int>(args.size()), args.data())) return *code;
  f.common.set_log_level();
  outcome.set_model(f.model, false);
  if (Status status = run(app, f, outcome); !status) outcome.fail(status.error());
  return outcome.end();
}

}  // namespace
}  // namespace rlx

int main(int argc, char** argv) { return rlx::run_tool(argc, argv); }
