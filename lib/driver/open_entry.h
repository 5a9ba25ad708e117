// What a cache entry holds, opened for a run: its image, and the blobs that the image names.
#pragma once
#include <map>
#include <string>

#include "cache/external.h"
#include "image/image.h"
#include "lir/lir.h"

namespace rlx::driver {

using Blobs = std::map<Digest, cache::BlobBytes>;

// kOtherMachine where this machine cannot run it, which is not tried.
Result<image::Image> open_image(const cache::Store& store, const cache::Entry& entry);

// An image in the cache with the same code, for other constants.
std::optional<image::Image> open_code(const cache::Store& store, const Digest& code_key);

// Made of the entry's LIR (read where `text` is empty), for `target`. Where that is the entry's own, the
// store gets the image again.
Result<image::Image> remake_image(cache::Store& store, const cache::Entry& entry, std::string text,
                                  const Target& target, int jobs);

// Those of the image's constants. Weights that nobody has read since the machine booted are digested now:
// with so many threads, where that is more work than starting them. `external` are the entry's.
Result<Blobs> open_blobs(const cache::Store& store, const cache::Entry& entry,
                         const cache::ExternalBlobs& external, const image::Image& image,
                         int threads);

// The bytes of a stored constant, row-major.
Result<ConstantData> open_constant(const cache::Store& store, const cache::Entry& entry,
                                   const cache::ExternalBlobs& external, const StoredConstant& c);

// The entry of a key that stands in place of a model file. Error 3020 where there is none.
Result<cache::Lookup> lookup_template(const cache::Store& store, const std::string& key);

// The entry's LIR, whose text this is, with the bytes of its constants: what can be bound and planned again. The store and
// the entry must outlive it. `external` are the entry's.
Result<Lir> open_lir(const cache::Store& store, const cache::Entry& entry,
                     const cache::ExternalBlobs& external, const std::string& text);

}  // namespace rlx::driver
