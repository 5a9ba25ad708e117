// rlx-spec: binds dynamic dims to specialised variants in the cache, and tells about them.
#include "../common.h"
#include "cache/limits.h"
#include "driver/explain_variants.h"
#include "driver/footprint.h"

namespace rlx {
namespace {

using driver::Answer;

struct Flags {
  tools::Common common;
  std::string model;
  std::vector<std::string> targets = {"host"};
  std::vector<std::string> dims, values, shapes, inputs;
  std::string mem_limit;
  std::string on_miss = "bind";
};

using Call = Result<Answer> (*)(const Flags&);

void add_model(CLI::App& command, Flags& f) {
  f.common.add_switches(command);
  command.add_option("MODEL", f.model, "a model file or the key of an entry")->required();
  command.add_option("-t,--target", f.targets, "as for rlxc; repeats")
      ->allow_extra_args(false)
      ->envname("RLX_TARGET");
}

CLI::App* add_dims(CLI::App& command, Flags& f) {
  CLI::App* bound = command.add_option_group("what is bound");
  bound
      ->add_option("--dim", f.dims,
                   "NAME=POINTS: 1,2 or 16..2048:*2 or 64..512:+64, all combinations; repeats")
      ->allow_extra_args(false);
  bound->add_option("--set", f.values, "INPUT=NUMBER,...: its elements; repeats")
      ->allow_extra_args(false);
  bound->add_option("--shape", f.shapes, "as for rlxc: the shape of an input; repeats")
      ->allow_extra_args(false);
  bound
      ->add_option("--from-inputs", f.inputs,
                   "what rlx-run binds for these sets of inputs: F.npz or a folder; repeats")
      ->allow_extra_args(false);
  return bound;
}

Result<driver::VariantsRequest> request_of(const Flags& f) {
  driver::VariantsRequest r{
      .build = {.model = f.model}, .targets = tools::split_targets(f.targets), .inputs = f.inputs};
  RLX_TRY(r.dims, driver::parse_dim_lists(f.dims));
  RLX_TRY(r.build.dims, tools::parse_values(f.values));
  RLX_TRY(r.build.shapes, tools::parse_shapes(f.shapes));
  r.build.lists = r.build.shapes;
  RLX_TRY(r.build.options, f.common.switches());
  RLX_TRY(r.build.weights, f.common.weights());
  RLX_TRY(r.build.cache, f.common.cache_options());
  RLX_TRY(r.build.remote, cache::remote_from_environment());
  r.build.jobs = f.common.job_count();
  r.build.strict = f.common.strict;
  r.build.must_store = true;
  return r;
}

Result<Answer> bind(const Flags& f) {
  RLX_TRY(const driver::VariantsRequest request, request_of(f));
  return driver::bind_variants(request);
}

Result<Answer> list(const Flags& f) {
  RLX_TRY(const driver::VariantsRequest request, request_of(f));
  return driver::list_variants(request);
}

Result<Answer> plan(const Flags& f) {
  RLX_TRY(const driver::VariantsRequest request, request_of(f));
  int64_t limit = INT64_MAX;
  if (!f.mem_limit.empty()) {
    RLX_TRY(limit, cache::parse_size(f.mem_limit, "--mem-limit"));
  }
  return driver::plan_variants(request, limit);
}

Result<Answer> explain(const Flags& f) {
  RLX_TRY(const driver::VariantsRequest request, request_of(f));
  return driver::explain_variants(request, tools::kOnMiss.at(f.on_miss));
}

void add_commands(CLI::App& app, Flags& f, Call& chosen) {
  f.common.add(app);
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, Call call) -> CLI::App& {
    CLI::App& command = *app.add_subcommand(name, what)->fallthrough();
    command.callback([&chosen, call] { chosen = call; });
    add_model(command, f);
    return command;
  };
  CLI::App& bound = add("bind", "make the variants with these dims", bind);
  add_dims(bound, f)->require_option(1, 0);
  f.common.add_weights(bound);
  CLI::App& planned = add("plan", "what they would take: memory and cost", plan);
  add_dims(planned, f);
  planned.add_option("--mem-limit", f.mem_limit, "2G: more is an error (exit 11)");
  CLI::App& explained = add("explain", "which one rlx-run would take, and why", explain);
  add_dims(explained, f);
  explained.add_option("--on-miss", f.on_miss, "as for rlx-run: bind, template or error")
      ->check(CLI::IsMember(tools::kOnMiss))
      ->envname("RLX_ON_MISS");
  add("list", "the variants in the cache", list);
}

int run_tool(int argc, char** argv) {
  tools::Outcome outcome("rlx-spec", argc, argv);
  CLI::App app("Binds dynamic dims of a compiled model to specialised variants.", "rlx-spec");
  Flags f;
  Call chosen = nullptr;
  add_commands(app, f, chosen);
  if (std::optional<int> code = outcome.parse(app, argc, argv)) return *code;
  f.common.set_log_level();
  outcome.set_model(f.model, false);
  auto answer = chosen(f);
  if (!answer) {
    outcome.fail(answer.error());
    return outcome.end();
  }
  outcome.answer(std::move(*answer));
  return outcome.end();
}

}  // namespace
}  // namespace rlx

int main(int argc, char** argv) { return rlx::run_tool(argc, argv); }
