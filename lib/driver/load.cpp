#include "driver/load.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "driver/build.h"
#include "driver/codes.h"
#include "driver/run_codes.h"
#include "support/cpu_features.h"

namespace rlx::driver {
namespace {

bool is_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// Whether some may be elements of a sequence.
bool may_be_lists(const InputShapes& shapes) {
  return std::ranges::any_of(shapes, [](const auto& shape) {
    const std::string& name = shape.first;
    const size_t dot = name.rfind('.');
    return name.ends_with("[]") ||
           (dot != std::string::npos && dot + 1 < name.size() &&
            name.find_first_not_of("0123456789", dot + 1) == std::string::npos);
  });
}

BuildRequest build_request(const LoadRequest& request) {
  BuildRequest build{.model = request.model_or_key, .target = request.target};
  build.options = request.options;
  build.weights = request.weights;
  build.jobs = request.jobs;
  build.strict = request.strict;
  build.cache = request.cache;
  build.remote = request.remote;
  build.require_hit = request.on_miss == OnMiss::kError;
  if (may_be_lists(request.input_shapes)) build.lists = request.input_shapes;
  // A key is run as it is, and so is a template.
  if (!is_file(request.model_or_key) || request.on_miss == OnMiss::kTemplate) return build;
  if (request.is_loop) return build;
  build.dims = request.dims;
  build.shapes = request.input_shapes;
  return build;
}

// Each blob keeps all of them.
runtime::BlobSource source_of(std::map<Digest, cache::BlobBytes> blobs) {
  auto all = std::make_shared<const std::map<Digest, cache::BlobBytes>>(std::move(blobs));
  return [all](const Digest& digest) -> Result<runtime::Blob> {
    auto found = all->find(digest);
    if (found != all->end()) return runtime::Blob{found->second.bytes(), all};
    return Error(kMissingBlob, fmt::format("the entry has no blob {}", digest.hex()));
  };
}

// Code for another machine is never made to be run here: not the first time, not from the cache. A key
// says no target of its own; its entry is lowered anew for this machine.
Status check_target(const LoadRequest& request) {
  RLX_TRY(Target target, parse_target(request.target));
  if (!is_file(request.model_or_key) || !target.is_cpu()) return {};
  Vec<std::string> missing = missing_on_host(target.cpu().features);
  if (missing.empty()) return {};
  return Error(
      kOtherMachine,
      fmt::format("{} needs {}, which this machine lacks", target.text, fmt::join(missing, ", ")),
      "--target=host; rlxc compiles for other machines");
}

// What is given that is no input or output of the image: defaults that are to be replaced, if the model
// has such inputs.
Vec<std::string> others(const LoadRequest& request, const image::Image& image) {
  Vec<std::string> names;
  for (const auto& [name, shape] : request.input_shapes) {
    const auto named = [&](const image::Tensor& t) { return t.name == name; };
    const bool is_named = !name.empty() && name[0] != '.' && !name.ends_with("[]");
    if (is_named && std::ranges::none_of(image.inputs, named) &&
        std::ranges::none_of(image.outputs, named)) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

Result<Loaded> load(const LoadRequest& request) {
  RLX_TRY_VOID(check_target(request));
  BuildRequest wanted = build_request(request);
  RLX_TRY(Built built, build(wanted, true));
  wanted.given = others(request, built.image);
  if (!wanted.given.empty() && is_file(wanted.model)) {
    const bool hit = built.hit;
    RLX_TRY(built, build(wanted, true));
    built.hit &= hit;
  }
  Loaded loaded;
  loaded.image = std::move(built.image);
  loaded.blobs = source_of(std::move(built.blobs));
  loaded.files = std::move(built.files);
  loaded.key = std::move(built.key);
  loaded.state = built.state();
  loaded.stored = built.stored;
  for (const auto& [step, ms] : built.ms) loaded.load_ms[step] += ms;
  return loaded;
}

}  // namespace rlx::driver
