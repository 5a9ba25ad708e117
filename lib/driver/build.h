// From a request to a runnable entry, through the cache: stamp -> lookup -> import -> compile -> publish.
#pragma once
#include <map>

#include "cache/records.h"
#include "cache/remote.h"
#include "cache/stamp.h"
#include "cache/store.h"
#include "driver/compile.h"
#include "driver/weights.h"
#include "frontend/frontend.h"
#include "image/image.h"

namespace rlx::driver {

// Model files that were read, by path and by what was asked of the reader: many variants are made of one reading.
struct Import {
  std::string path;
  Vec<std::string> given, opened;
  InputShapes lists;

  auto operator<=>(const Import&) const = default;
};
using Imports = std::map<Import, ModelFile>;

struct BuildRequest {
  // A model file, or the key of a stored entry; with `graph`, its name.
  std::string model;
  // A graph in memory in place of the file.
  const Graph* graph = nullptr;
  // The entry's key; empty: the tool's own. An entry of that key that was made from something else is
  // replaced.
  std::string key = {};
  // As written; "host" resolves to this machine.
  std::string target = "host";
  // Inputs with defaults that are given all the same.
  Vec<std::string> given = {};
  // What to bind: symbols by name, and the extents of inputs, from which the others follow. Neither: the
  // template.
  Dims dims = {};
  InputShapes shapes = {};
  // What inputs that are sequences or optionals hold (frontend.h).
  InputShapes lists = {};
  // Switches (driver/switches.h), and whatever else the caller wants in the key. None for a key.
  Options options = {};
  PassOptions passes = {};
  Weights weights = Weights::kAny;
  int jobs = 1;
  // Where files that are read stay for further requests; null: nowhere.
  Imports* imports = nullptr;
  // No stamps: the model is read and hashed.
  bool strict = false;
  // A miss is an error (exit 6).
  bool require_hit = false;
  // What is compiled is of no use unless it is stored: an entry that cannot be is an error (exit 8, or 11
  // where there is no space), if possible before it is compiled. Not where the cache is off by request.
  bool must_store = false;
  cache::Options cache = {};
  // Asked after the cache, and given what is made where its mode says so.
  cache::RemoteOptions remote = {};

  // Whether weights in the model's files are digested whatever their stamps say.
  bool trusts_no_file() const { return strict || cache.verify == cache::Verify::kFull; }
};

// An entry that can be run.
struct Built {
  std::string key;
  bool hit = false;
  // Whether the cache has it now.
  bool stored = false;
  Target target;
  // Bound, by name; none of a template.
  Dims dims;
  image::Image image;
  // The constants' blobs; kept alive by the keepers.
  std::map<Digest, cache::BlobBytes> blobs;
  // The model's files that blobs lie in: what a run gives counts only if check_unchanged() of each says so after it.
  Vec<std::shared_ptr<const MappedFile>> files = {};
  // Milliseconds by step.
  Vec<std::pair<std::string, double>> ms;
  // On a miss, what was most like it.
  std::optional<cache::Nearest> nearest;

  const char* state() const { return hit ? "hit" : "built"; }
};

// Finds or makes the entry. With `open`, its image and blobs are read, and what is damaged is made again;
// without, a hit costs only the lookup and leaves image and blobs empty.
Result<Built> build(const BuildRequest& request, bool open);

// The key that build() looks for, from the model alone. Not for a key in place of the model.
Result<Action> key_of(const BuildRequest& request);

// Whether the text names a file, and so no key.
bool is_model_file(const std::string& model_or_key);

// The model of a request, out of its imports where it is there.
Result<ModelFile> imported_model(const BuildRequest& request);

// The request's dims by name, then those that its shapes give, of this graph. Error 5020 where they contradict each
// other.
Result<Dims> wanted_dims(const Graph& g, const BuildRequest& request);

// The values of the symbols of g that these extents give. Errors 5xxx name input, axis and symbol.
Result<Dims> dims_of(const Graph& g, const InputShapes& shapes);

}  // namespace rlx::driver
