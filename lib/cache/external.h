// Constants that an entry leaves in its model's files (Role::kExternal).
//
// They are used where they lie. A file is trusted by the rule of request stamps (cache/stamp.h): one that is not as it
// was is digested again, and one that changed a moment ago is copied first, since it may change again unseen. Nothing
// keeps a file from being written over while it is used: whoever uses the bytes asks check_unchanged() of each of
// `files` before what came of them counts.
#pragma once
#include <map>

#include "cache/stamp.h"

namespace rlx::cache {

struct ExternalBlobs {
  // By digest: all of the entry's, also those that a bundle has brought into the cache.
  std::map<Digest, BlobBytes> blobs = {};
  // Those of the model's files that are used, mapped.
  Vec<std::shared_ptr<const MappedFile>> files = {};
  // Where files were digested again: what may be written in place of the sources.
  std::optional<Sources> renewed = std::nullopt;
};

// The entry's external constants; none where it has none. With `digest` no file is trusted. Error kNotAtHand where
// a file is gone or has other bytes, or `sources` do not name what is wanted.
Result<ExternalBlobs> open_external(const Store& store, const Entry& entry, const Sources& sources,
                                    bool digest);

}  // namespace rlx::cache
