// Large constants that stay in the model's files: which they are, and where they lie.
#pragma once
#include <set>

#include "cache/stamp.h"
#include "frontend/frontend.h"

namespace rlx::driver {

// What becomes of large constants that kernels read as they lie in the model's files. The bits of results are the same,
// so that it is no part of the key.
enum class Weights : uint8_t {
  // An entry is taken whatever became of them; one that is made has copies: a start maps them, where most files have them
  // at places that no mapping serves.
  kAny,
  // The entry says their digests, and where they are; they are mapped from there.
  kRef,
  // The cache has a copy.
  kEmbed,
};

// From the text of --weights; error 2022. No text: kAny.
Result<Weights> parse_weights(const std::string& text);

// Where those constants of the model lie that are worth a blob of their own and are in its files. `snapshot` is of
// these files, from before they were read.
cache::Sources sources_in(const ModelFile& model, cache::Snapshot snapshot);
// Those of the digests, and the files that have them. Nullopt where one is in none.
std::optional<cache::Sources> sources_of(const cache::Sources& all,
                                         const std::set<Digest>& digests);
// What the entry leaves in the model's files.
std::set<Digest> external_of(const cache::Entry& entry);

}  // namespace rlx::driver
