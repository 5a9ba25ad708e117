// What the tools' command lines share.
#pragma once
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cache/options.h"
#include "driver/backends.h"
#include "driver/build.h"
#include "driver/key.h"
#include "driver/load.h"
#include "driver/switches.h"
#include "driver/toolchain.h"
#include "outcome.h"
#include "support/log.h"
#include "target/target.h"

namespace rlx::tools {

struct Common {
  bool json = false;
  bool quiet = false;
  int verbose = 0;
  std::string cache_dir;
  std::string cache_mode;
  std::string cache_verify;
  bool cache_strict = false;
  bool strict = false;
  int jobs = 0;
  std::string math;
  std::string precision;
  std::vector<std::string> disable, likely;
  std::string grad, jvp, batch, ptxas;
  std::string weights_text;

  void add(CLI::App& app) {
    app.set_version_flag("--version", driver::version());
    app.add_flag("--json", json, "print one JSON document (schema rlx.result/1) on stdout");
    app.add_flag("-v,--verbose", verbose, "say more on stderr; twice: everything");
    app.add_flag("-q,--quiet", quiet, "errors only on stderr");
    app.add_option("--cache-dir", cache_dir, "the cache's folder")->envname("RLX_CACHE_DIR");
    app.add_option("--cache-mode", cache_mode, "rw, ro, off or refresh");
    app.add_option("--cache-verify", cache_verify,
                   "full, stamp or lir: what is digested before use");
    app.add_flag("--cache-strict", cache_strict, "trouble with the cache is an error (exit 8)");
    app.add_flag("--strict", strict, "trust no stamps: read and hash the model each time");
    app.add_option("-j,--jobs", jobs, "threads that compile")->envname("RLX_JOBS");
  }

  // Of commands that compile.
  void add_switches(CLI::App& app) {
    app.add_option("--math", math,
                   "exact, default or fast: how far results may be from the model's");
    app.add_option("--precision", precision,
                   "f32, bf16 or f16: what operands of products are stored in");
    app.add_option(
           "--likely", likely,
           "NAME=NUMBER[,...]: what open dims mostly are; plans are weighed for it; repeats")
        ->allow_extra_args(false);
    app.add_option("--grad", grad,
                   "LOSS:INPUT[,INPUT]: the model of that output and its gradient by the inputs");
    app.add_option(
        "--jvp", jvp,
        "OUTPUT:INPUT[,INPUT]: of that output and its derivative along inputs' tangents");
    app.add_option("--batch", batch, "DIM:INPUT[,INPUT]: the model over a new first axis of these");
    app.add_option("--ptxas", ptxas, "NVIDIA's assembler, for cuda: targets; else on the PATH")
        ->envname("RLX_PTXAS")
        ->each(driver::use_ptxas);
    app.add_option("--disable", disable, "passes that do not run: NAME[,NAME]; repeats")
        ->allow_extra_args(false);
  }

  // Of commands that store what they compile.
  void add_weights(CLI::App& app) {
    app.add_option("--weights", weights_text,
                   "ref or embed: large weights stay in the model's files, or are copied");
  }

  Result<driver::Weights> weights() const { return driver::parse_weights(weights_text); }

  Result<driver::Options> switches() const {
    return driver::parse_switches({math, precision, disable, likely, grad, jvp, batch});
  }

  void set_log_level() const {
    if (quiet) return log::set_level(log::Level::kError);
    if (verbose > 0) log::set_level(verbose > 1 ? log::Level::kDebug : log::Level::kInfo);
  }

  Result<cache::Options> cache_options() const {
    RLX_TRY(cache::Options options, cache::options_from_environment());
    if (!cache_dir.empty()) options.root = cache_dir;
    if (!cache_mode.empty()) {
      RLX_TRY(options.mode, cache::parse_mode(cache_mode, "--cache-mode"));
    }
    if (!cache_verify.empty()) {
      RLX_TRY(options.verify, cache::parse_verify(cache_verify, "--cache-verify"));
    }
    options.strict |= cache_strict;
    return options;
  }

  int job_count() const {
    return jobs > 0 ? jobs : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  }
};

// Of flags that repeat, each of which may be a list.
inline std::vector<std::string> split_targets(const std::vector<std::string>& lists) {
  std::vector<std::string> all;
  for (const std::string& list : lists) {
    for (std::string& target : rlx::split_targets(list)) all.push_back(std::move(target));
  }
  return all;
}

// "batch=1" -> ("batch", 1).
inline Result<std::pair<std::string, int64_t>> parse_binding(const std::string& text) {
  const size_t at = text.find('=');
  int64_t value = 0;
  const char* end = text.data() + text.size();
  bool good = at != std::string::npos && at > 0;
  if (good) {
    auto [stop, error] = std::from_chars(text.data() + at + 1, end, value);
    good = error == std::errc() && stop == end;
  }
  if (!good) return Error(2011, "--dim takes NAME=NUMBER, got " + text);
  return std::pair(text.substr(0, at), value);
}

inline Result<driver::Dims> parse_bindings(const std::vector<std::string>& texts) {
  driver::Dims dims;
  for (const std::string& text : texts) {
    RLX_TRY(auto binding, parse_binding(text));
    auto other = std::find_if(dims.begin(), dims.end(),
                              [&](const auto& d) { return d.first == binding.first; });
    if (other != dims.end() && other->second != binding.second) {
      {
        {
          {
            return Error(2011, "--dim " + binding.first + " is given twice");
          }
        }
      }
    }
    if (other == dims.end()) dims.push_back(std::move(binding));
  }
  return dims;
}

// "sr=16000" or "shape=1,80": each element of an input, as dims that go by "sr.0".
inline Result<driver::Dims> parse_values(const std::vector<std::string>& texts) {
  std::vector<std::string> bindings;
  for (const std::string& text : texts) {
    const size_t at = text.find('=');
    if (at == std::string::npos) return Error(2011, "--set wants NAME=NUMBER,..., got " + text);
    std::stringstream values(text.substr(at + 1));
    int element = 0;
    for (std::string value; std::getline(values, value, ','); ++element) {
      bindings.push_back(text.substr(0, at) + "." + std::to_string(element) + "=" + value);
    }
  }
  return parse_bindings(bindings);
}

// "x=2,3" is the shape of x, "x.0=2,3" of the first element of a sequence, "x=[]" an empty one.
inline Result<InputShapes> parse_shapes(const std::vector<std::string>& texts) {
  InputShapes shapes;
  for (const std::string& text : texts) {
    const size_t at = text.find('=');
    const std::string extents = at == std::string::npos ? "" : text.substr(at + 1);
    if (extents == "[]") {
      shapes.emplace_back(text.substr(0, at) + extents, Vec<int64_t>());
      continue;
    }
    if (at == std::string::npos || at == 0 ||
        extents.find_first_not_of("0123456789,") != std::string::npos) {
      return Error(2020, "--shape takes NAME=NUMBER,... or NAME=[], got " + text);
    }
    Vec<int64_t> shape;
    std::stringstream values(extents);
    for (std::string value; std::getline(values, value, ',');) {
      RLX_TRY(auto extent, parse_binding(text.substr(0, at) + "=" + value));
      shape.push_back(extent.second);
    }
    shapes.emplace_back(text.substr(0, at), std::move(shape));
  }
  return shapes;
}

inline const std::map<std::string, driver::OnMiss> kOnMiss = {
    {"bind", driver::OnMiss::kBind},
    {"template", driver::OnMiss::kTemplate},
    {"error", driver::OnMiss::kError}};
}  // namespace rlx::tools
