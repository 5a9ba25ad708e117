#include "driver/load.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cache/records.h"
#include "driver/codes.h"
#include "driver/dim_lists.h"
#include "driver/run_codes.h"
#include "lir/lir.h"
#include "support/cpu_features.h"
#include "support/log.h"

namespace rlx::driver {
namespace {

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
  // A key is run as it is, and so is a template.
  if (!is_model_file(request.model_or_key) || request.on_miss == OnMiss::kTemplate) return build;
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
  if (!is_model_file(request.model_or_key) || !target.is_cpu()) return {};
  Vec<std::string> missing = missing_on_host(target.cpu().features);
  if (missing.empty()) return {};
  return Error(
      kOtherMachine,
      fmt::format("{} needs {}, which this machine lacks", target.text, fmt::join(missing, ", ")),
      "--target=host; rlxc compiles for other machines");
}

// What is given that has none of these names: defaults that are to be replaced, if the model has such inputs.
Vec<std::string> others(const InputShapes& shapes, const std::set<std::string>& known) {
  Vec<std::string> names;
  for (const auto& [name, shape] : shapes) {
    const bool is_named = !name.empty() && name[0] != '.' && !name.ends_with("[]");
    if (is_named && !known.contains(name)) names.push_back(name);
  }
  return names;
}

// Of inputs and outputs.
std::set<std::string> names_in(const image::Image& image) {
  std::set<std::string> names;
  for (const image::Tensor& t : image.inputs) names.insert(t.name);
  for (const image::Tensor& t : image.outputs) names.insert(t.name);
  return names;
}

std::set<std::string> names_in(const Graph& g) {
  std::set<std::string> names(g.output_names.begin(), g.output_names.end());
  for (const ValueId v : g.inputs()) names.insert(g[v].name);
  return names;
}

Taken taken_of(const LoadRequest& r, const Built& built) {
  using Kind = Taken::Kind;
  if (!is_model_file(r.model_or_key)) return {Kind::kEntry, "a key runs the entry that it names"};
  if (r.is_loop) return {Kind::kTemplate, "dims may change with every step"};
  if (r.on_miss == OnMiss::kTemplate) return {Kind::kTemplate, "no variant serves the dims"};
  if (built.dims.empty()) return {Kind::kTemplate, "neither inputs nor --dim say dims to bind"};
  if (built.hit) return {Kind::kExact, "it is bound to " + to_text(built.dims)};
  return {Kind::kBound, "nothing was bound to " + to_text(built.dims) + ", and it is now"};
}

bool prefers_variants(const LoadRequest& r) {
  return is_model_file(r.model_or_key) && r.on_miss == OnMiss::kTemplate && !r.is_loop &&
         r.cache.mode != cache::Mode::kOff && r.cache.mode != cache::Mode::kRefresh;
}

bool has_variants(const cache::Store& store, const std::string& template_key) {
  return std::ranges::any_of(cache::keys(store.root()), [&](const std::string& key) {
    return key.starts_with(template_key + "__");
  });
}

// In place of the template, where a variant of it serves the dims. One that cannot be opened is left alone.
Status take_variant(const LoadRequest& r, Built& built, Loaded& loaded) {
  RLX_TRY(const cache::Store store, cache::Store::open(r.cache));
  if (!has_variants(store, built.key)) return {};
  RLX_TRY(const cache::Lookup base, store.lookup(built.key));
  if (!base.hit) return {};
  RLX_TRY(const Lir lir, lir_from_json(base.lir, {}));
  BuildRequest by_key{.model = built.key, .dims = r.dims, .shapes = r.input_shapes};
  RLX_TRY(const Dims wanted, wanted_dims(lir.graph, by_key));
  RLX_TRY(VariantChoice choice, choose_variant(store, built.key, lir.graph, wanted));
  if (choice.key.empty()) return {};
  by_key = {.model = choice.key, .jobs = r.jobs, .cache = r.cache, .remote = r.remote};
  auto variant = build(by_key, true);
  const bool is_covering = choice.fit == VariantChoice::Fit::kCovering;
  // Of a covering one every extent is a number.
  if (!variant || (is_covering && !variant->image.symbols.empty())) return {};
  built = std::move(*variant);
  loaded.taken = {is_covering ? Taken::Kind::kCovering : Taken::Kind::kExact,
                  fmt::format("{}: {}", to_text(choice.dims), choice.why)};
  if (is_covering) loaded.cover = std::move(choice.cover);
  return {};
}

}  // namespace

Result<Built> build_for_inputs(BuildRequest request, const InputShapes& shapes) {
  if (may_be_lists(shapes)) request.lists = shapes;
  RLX_TRY(Built built, build(request, true));
  request.given = others(shapes, names_in(built.image));
  if (request.given.empty() || !is_model_file(request.model)) return built;
  const bool hit = built.hit;
  RLX_TRY(built, build(request, true));
  built.hit &= hit;
  return built;
}

Result<BuildRequest> with_given_defaults(BuildRequest request, const InputShapes& shapes) {
  if (may_be_lists(shapes)) request.lists = shapes;
  RLX_TRY(const ModelFile model, imported_model(request));
  request.given = others(shapes, names_in(model.graph));
  return request;
}

std::string_view name(Taken::Kind kind) {
  switch (kind) {
    case Taken::Kind::kEntry: return "entry";
    case Taken::Kind::kTemplate: return "template";
    case Taken::Kind::kExact: return "exact";
    case Taken::Kind::kBound: return "bound";
    case Taken::Kind::kCovering: return "covering";
  }
  return "";
}

Result<Loaded> load(const LoadRequest& request) {
  RLX_TRY_VOID(check_target(request));
  RLX_TRY(Built built, build_for_inputs(build_request(request), request.input_shapes));
  Loaded loaded{.taken = taken_of(request, built)};
  if (prefers_variants(request)) RLX_TRY_VOID(take_variant(request, built, loaded));
  log::info(fmt::format("{}: {}: {}", built.key, name(loaded.taken.kind), loaded.taken.why));
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
