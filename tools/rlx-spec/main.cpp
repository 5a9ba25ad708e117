// rlx-spec: binds dynamic dims to a specialised variant in the cache.
#include "../common.h"
#include "driver/build.h"

namespace rlx {
namespace {

struct Flags {
  tools::Common common;
  std::string model;
  std::string target = "host";
  std::vector<std::string> dims, values;
};

void add_flags(CLI::App& app, Flags& f) {
  f.common.add(app);
  app.require_subcommand(1);
  CLI::App* bind = app.add_subcommand("bind", "make the variant with these dims")->fallthrough();
  f.common.add_switches(*bind);
  f.common.add_weights(*bind);
  bind->add_option("MODEL", f.model, "a model file or the key of an entry")->required();
  CLI::App* bound = bind->add_option_group("what is bound");
  bound->add_option("--dim", f.dims, "NAME=NUMBER; repeats")->allow_extra_args(false);
  bound->add_option("--set", f.values, "INPUT=NUMBER,...: its elements; repeats")
      ->allow_extra_args(false);
  bound->require_option(1, 2);
  bind->add_option("-t,--target", f.target, "as for rlxc")->envname("RLX_TARGET");
}

Result<driver::Dims> dims_of(const Flags& f) {
  RLX_TRY(driver::Dims dims, tools::parse_bindings(f.dims));
  RLX_TRY(driver::Dims values, tools::parse_values(f.values));
  dims.insert(dims.end(), values.begin(), values.end());
  return dims;
}

void write_dims(JsonWriter& out, const driver::Dims& dims) {
  out.key("dims");
  out.begin_object();
  for (const auto& [name, value] : dims) out.member(name, value);
  out.end_object();
}

Status bind(const Flags& f, tools::Outcome& outcome) {
  driver::BuildRequest r{.model = f.model, .target = f.target};
  RLX_TRY(r.dims, dims_of(f));
  RLX_TRY(r.options, f.common.switches());
  RLX_TRY(r.weights, f.common.weights());
  RLX_TRY(r.cache, f.common.cache_options());
  RLX_TRY(r.remote, cache::remote_from_environment());
  r.jobs = f.common.job_count();
  r.strict = f.common.strict;
  r.must_store = true;
  RLX_TRY(const driver::Built built, driver::build(r, false));
  outcome.print(tools::line_of(built, f.model));
  outcome.item([state = built.state(), stored = built.stored, key = built.key,
                target = built.target.text, dims = r.dims,
                nearest = built.nearest](JsonWriter& out) {
    out.begin_object();
    out.member("key", key);
    out.member("state", state);
    out.member("stored", stored);
    if (nearest) driver::write_json(out, *nearest);
    out.member("target", target);
    write_dims(out, dims);
    out.end_object();
  });
  return {};
}

void fail(const Flags& f, const Error& e, tools::Outcome& outcome) {
  outcome.fail(e);
  outcome.item([f](JsonWriter& out) {
    out.begin_object();
    out.member("state", "failed");
    out.member("stored", false);
    out.member("target", f.target);
    if (auto dims = dims_of(f)) write_dims(out, *dims);
    out.end_object();
  });
}

int run_tool(int argc, char** argv) {
  tools::Outcome outcome("rlx-spec", argc, argv);
  CLI::App app("Binds dynamic dims of a compiled model to a specialised variant.", "rlx-spec");
  Flags f;
  add_flags(app, f);
  if (std::optional<int> code = outcome.parse(app, argc, argv)) return *code;
  f.common.set_log_level();
  outcome.set_model(f.model, false);
  if (Status status = bind(f, outcome); !status) fail(f, status.error(), outcome);
  return outcome.end();
}

}  // namespace
}  // namespace rlx

int main(int argc, char** argv) { return rlx::run_tool(argc, argv); }
