// From what rlx-run is asked for to what a Session needs: the entry is found in the cache, or made.
#pragma once
#include <map>

#include "cache/options.h"
#include "cache/remote.h"
#include "driver/build.h"
#include "driver/choose_variant.h"
#include "driver/weights.h"
#include "frontend/frontend.h"
#include "image/image.h"
#include "runtime/device.h"

namespace rlx::driver {

// What happens when a model has no entry for the dims asked for. A key is always run as it is.
enum class OnMiss : uint8_t {
  // The dims are bound and the variant is stored.
  kBind,
  // The model's template runs, and is made if it is missing; or a variant that is there and serves the dims.
  kTemplate,
  // An error, exit 6.
  kError,
};

struct LoadRequest {
  // A model file, or the key of a stored entry.
  std::string model_or_key;
  // Dims by name.
  Vec<std::pair<std::string, int64_t>> dims = {};
  // Of the inputs at hand, from which dims follow.
  InputShapes input_shapes = {};
  std::string target = "host";
  OnMiss on_miss = OnMiss::kBind;
  // It runs as a loop, whose dims may change with every step: no dim of a model is bound.
  bool is_loop = false;
  // Switches of a compile (driver/switches.h).
  Options options = {};
  Weights weights = Weights::kAny;
  // Threads that compile.
  int jobs = 1;
  // Trust no stamps: read and hash the model.
  bool strict = false;
  cache::Options cache = {};
  cache::RemoteOptions remote = {};
};

// Which entry runs, and why.
struct Taken {
  enum class Kind : uint8_t {
    // A key's own.
    kEntry,
    // Which takes any dims.
    kTemplate,
    // A variant that is bound to the dims, found or made.
    kExact,
    kBound,
    // A variant that is bound to larger ones.
    kCovering,
  };

  Kind kind = Kind::kTemplate;
  std::string why = {};
};
std::string_view name(Taken::Kind kind);

struct Loaded {
  image::Image image;
  runtime::BlobSource blobs;
  // As Built::files.
  Vec<std::shared_ptr<const MappedFile>> files = {};
  std::string key;
  // "hit" or "built".
  std::string state;
  // Whether the cache has it now.
  bool stored = false;
  Taken taken = {};
  // Where it covers the dims.
  std::optional<Cover> cover = {};
  // Milliseconds by step.
  std::map<std::string, double> load_ms = {};
};

Result<Loaded> load(const LoadRequest& request);

// Finds or makes the entry for inputs of these shapes, open: a default of the model that they replace is an input of it.
Result<Built> build_for_inputs(BuildRequest request, const InputShapes& shapes);
// The request that this comes to, told from the model file itself.
Result<BuildRequest> with_given_defaults(BuildRequest request, const InputShapes& shapes);

}  // namespace rlx::driver
