// rlx-cache: looks after the cache's folder.
#include "calls.h"

namespace rlx {
namespace {

// Each command's flags and its one call.
class Commands {
 public:
  Commands(CLI::App& app, Flags& f) : app_(app), f_(f) {}

  void add_all() {
    using R = driver::CacheRequest;
    add("ls", "an entry a line", [&](const R& r) { return list_entries(r, f_.order, f_.model); });
    option("--by", f_.order, "age, size or cost")
        ->transform(CLI::CheckedTransformer(kOrders, CLI::ignore_case));
    option("MODEL", f_.model, "beginning of the keys to list");
    add("show", "all about entries", [&](const R& r) { return show_entries(r, f_.lir); });
    keys(true), flag("--lir", f_.lir, "the LIR alone");
    add("verify", "read and digest everything (exit 8)",
        [&](const R& r) { return verify_entries(r, f_.repair); });
    keys(false), flag("--repair", f_.repair, "set aside what is damaged");
    add("gc", "bring the folder inside its limits", [&](const R&) { return collect(f_); });
    option("--max-size", f_.max_size, "20G"), option("--max-age", f_.max_age, "30d");
    option("--max-files", f_.max_files, "200k"), flag("--dry-run", f_.dry_run, "only say");
    flag("--obsolete", f_.obsolete, "entries of other compilers too");
    add("stats", "hits, misses, time saved", [&](const R& r) -> Result<Answer> {
      RLX_TRY(const int64_t since, cache::parse_duration(f_.since, "--since"));
      return show_stats(r, since, f_.zero);
    });
    option("--since", f_.since, "12h"), flag("--zero", f_.zero, "then forget them");
    add("export", "entries into one file",
        [&](const R& r) { return export_entries(r, f_.file, f_.sign); });
    keys(true), option("-o,--output", f_.file, "the bundle, F.rlx")->required();
    flag("--sign", f_.sign, "with the key of RLX_SIGNING_KEY or keygen");
    add("import", "entries out of a bundle",
        [&](const R& r) { return import_entries(r, f_.file, f_.allow_unsigned); });
    option("BUNDLE", f_.file, "F.rlx")->required();
    flag("--allow-unsigned", f_.allow_unsigned, "take entries that no trusted key signed");
    add("pin", "keep entries for good", [&](const R& r) { return pin_entries(r, true); });
    keys(true);
    add("unpin", "no longer", [&](const R& r) { return pin_entries(r, false); });
    keys(true);
    add("tag", "name an entry; --remove: forget the name",
        [&](const R& r) { return tag_entry(r, f_.name, f_.remove ? "" : f_.model); });
    option("NAME", f_.name, "the tag")->required(), option("KEY", f_.model, "the entry");
    flag("--remove", f_.remove, "");
    add("rm", "remove entries", [&](const R& r) { return remove_entries(r); });
    keys(true);
    add("diff", "what two entries were made from", [&](const R& r) { return diff_entries(r); });
    keys(true)->expected(2);
    add("explain", "would it hit, and if not, why",
        [&](const R&) { return asked(driver::explain_request); });
    model();
    add("key", "a request's key, compiling nothing",
        [&](const R&) { return asked(driver::show_key); });
    model();
    add("doctor", "whether the folder can be relied upon",
        [&](const R& r) { return examine_folder(r); });
    add("warm", "make what a manifest lists", [&](const R&) { return warm(f_); });
    option("MANIFEST", f_.file, "a .toml file")->required();
    option("--shards", f_.shards, "how many machines share the jobs");
    option("--shard", f_.shard, "which of them this is, from 0");
    option("--emit", f_.emit, "jsonl or ninja: only list the jobs")
        ->check(CLI::IsMember({"jsonl", "ninja"}));
    flag("--push", f_.push, "to the remote cache too");
    f_.common.add_weights(*command_);
    add("push", "entries to the remote cache",
        [&](const R& r) { return transfer(r, driver::push_entries); });
    keys(false);
    add("pull", "entries from the remote cache",
        [&](const R& r) { return transfer(r, driver::pull_entries); });
    keys(true);
    add("keygen", "make a key to sign with", [&](const R&) { return keygen(f_); });
    option("FILE", f_.file, "where; the configuration's folder by default");
    add("trust", "accept what a key signs", [&](const R&) { return trust(f_); });
    option("FILE", f_.file, "F.pub")->required();
  }

  Result<Answer> run() {
    RLX_TRY(const driver::CacheRequest request, request_of(f_));
    return chosen_(request);
  }

 private:
  using Call = std::function<Result<Answer>(const driver::CacheRequest&)>;

  void add(const std::string& name, const std::string& what, const Call& call) {
    command_ = app_.add_subcommand(name, what)->fallthrough();
    command_->callback([this, call] { chosen_ = call; });
  }
  template <class T>
  CLI::Option* option(const std::string& name, T& value, const std::string& what) {
    return command_->add_option(name, value, what);
  }
  void flag(const std::string& name, bool& value, const std::string& what) {
    command_->add_flag(name, value, what);
  }
  CLI::Option* keys(bool required) {
    return option("KEY", f_.keys, "keys, tags or beginnings of keys")->required(required);
  }
  void model() {
    option("MODEL", f_.model, "a model file")->required();
    option("-t,--target", f_.target, "as for rlxc")->envname("RLX_TARGET");
    option("--dim", f_.dims, "NAME=NUMBER; repeats")->allow_extra_args(false);
    option("--shape", f_.shapes, "as for rlxc; repeats")->allow_extra_args(false);
    f_.common.add_switches(*command_);
  }
  Result<Answer> asked(Result<Answer> (*call)(const driver::BuildRequest&)) const {
    RLX_TRY(const driver::BuildRequest request, build_request_of(f_));
    return call(request);
  }

  CLI::App& app_;
  Flags& f_;
  CLI::App* command_ = nullptr;
  Call chosen_;
};

int run_tool(int argc, char** argv) {
  tools::Outcome outcome("rlx-cache", argc, argv);
  CLI::App app("Looks after the cache of compiled models.", "rlx-cache");
  Flags f;
  Commands commands(app, f);
  f.common.add(app);
  app.require_subcommand(1);
  commands.add_all();
  if (std::optional<int> code = outcome.parse(app, argc, argv)) return *code;
  f.common.set_log_level();
  auto answer = commands.run();
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
