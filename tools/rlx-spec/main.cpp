// rlx-spec: binds dynamic dims to a specialised variant in the cache.
#include <charconv>

#include "../common.h"
#include "driver/build.h"

namespace rlx {
namespace {

struct Flags {
  tools::Common common;
  std::string model;
  std::string target = "host";
  std::vector<std::string> dims;
};

Status bind(const Flags& f, tools::Outcome& outcome) {
  driver::BuildRequest r{.model = f.model, .target = f.target};
  RLX_TRY(r.dims, tools::parse_bindings(f.dims));
  RLX_TRY(r.options, f.common.switches());
  RLX_TRY(r.cache, f.common.cache_options());
  RLX_TRY(r.remote, cache::remote_from_environment());
  r.jobs = f.common.job_count();
  r.strict = f.common.strict;
  RLX_TRY(driver::Built built, driver::build(r, false));
  const char* state = built.hit ? "hit" : "built";
  if (!f.common.json)
    std::printf("%s  %s  %s  %s\n", built.key.c_str(), state, built.target.text.c_str(),
                f.model.c_str());
  outcome.item([state, key = built.key, target = built.target.text, dims = r.dims,
                nearest = built.nearest](JsonWriter& out) {
    out.begin_object();
    out.member("key", key);
    out.member("state", state);
    if (nearest) driver::write_json(out, *nearest);
    out.member("target", target);
    out.key("dims");
    out.begin_object();
    for (const auto& [name, value] : dims) out.member(name, value);
    out.end_object();
    out.end_object();
  });
  return {};
}

}  // namespace
}  // namespace rlx

int main(int argc, char** argv) {
  CLI::App app("Binds dynamic dims of a compiled model to a specialised variant.", "rlx-spec");
  rlx::Flags f;
  CLI::App* bind_command = app.add_subcommand("bind", "make the variant with these dims");
  app.require_subcommand(1);
  f.common.add(*bind_command);
  f.common.add_switches(*bind_command);
  bind_command->add_option("MODEL", f.model, "a model file or the key of an entry")->required();
  bind_command->add_option("--dim", f.dims, "NAME=NUMBER; repeats")
      ->required()
      ->allow_extra_args(false);
  bind_command->add_option("-t,--target", f.target, "as for rlxc")->envname("RLX_TARGET");
  if (std::optional<int> code = rlx::tools::parse(app, argc, argv)) return *code;
  f.common.set_log_level();
  rlx::tools::Outcome outcome("rlx-spec", argc, argv);
  if (rlx::Status s = rlx::bind(f, outcome); !s) outcome.fail(s.error());
  return outcome.end(f.common.json);
}
