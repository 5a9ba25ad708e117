// rlxc's command line.
#pragma once
#include "../common.h"

namespace rlx {

struct Flags {
  tools::Common common;
  std::vector<std::string> models;
  std::vector<std::string> targets = {"host"};
  std::vector<std::string> dims, shapes;
  std::string emit;
  std::string output;
  std::string key;
  std::vector<std::string> passes;
  std::string print_after;
  bool fusion_report = false;
  bool time_passes = false;
  bool keep_going = false;

  size_t jobs() const { return models.size() * targets.size(); }
};

inline void add_flags(CLI::App& app, Flags& f) {
  f.common.add(app);
  f.common.add_switches(app);
  f.common.add_weights(app);
  app.add_option("MODEL", f.models, "model files: .onnx, .json, .mir, .kernel")->required();
  app.add_option("-t,--target", f.targets,
                 "host, cpu:portable, cuda:sm_90, ...: host,cuda:sm_90; repeats")
      ->allow_extra_args(false)
      ->envname("RLX_TARGET");
  app.add_option("--dim", f.dims, "bind a symbol: NAME=NUMBER; repeats")->allow_extra_args(false);
  app.add_option("--shape", f.shapes,
                 "the shape of an input: x=2,3, of an element of a sequence: x.0=2,3; x=[]: an "
                 "empty one; repeats")
      ->allow_extra_args(false);
  app.add_option("--key", f.key, "the entry's key; by default computed from all that decides it");
  app.add_option("--emit", f.emit,
                 "print hir, mir, lir, kernel, image, llvm or asm instead of storing");
  app.add_option("-o,--output", f.output,
                 "where --emit writes; stdout by default. F.json: hir and mir as JSON, with "
                 "weights beside it");
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

// Takes lists apart. One key or file cannot take several results: the last would be all that is left.
inline Status check_flags(Flags& f) {
  f.targets = tools::split_targets(f.targets);
  if (f.jobs() <= 1) return {};
  auto several = [&](const char* flag) {
    return Error(2001,
                 std::string(flag) + " names one result, and " + std::to_string(f.models.size()) +
                     " models for " + std::to_string(f.targets.size()) + " targets give " +
                     std::to_string(f.jobs()),
                 "run rlxc for each of them");
  };
  if (!f.key.empty()) return several("--key");
  const bool file = !f.emit.empty() && !f.output.empty() && f.output != "-";
  return file ? Status(several("--output")) : Status();
}

}  // namespace rlx
