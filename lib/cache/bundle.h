// Bundles: entries in one file that can be carried anywhere, a tar archive whose bytes depend on the
// entries alone: records first, then signatures, LIRs and blobs, in the order of their names.
#pragma once
#include "cache/signature.h"
#include "cache/store.h"

namespace rlx::cache {

struct Moved {
  Vec<std::string> keys;
  // Already there.
  int64_t skipped = 0;
  int64_t bytes = 0;
};

// Writes the entries to `path`, whole or not at all; with a signing key, signed by it. Errors: an entry
// that is not whole, a file that cannot be written.
Result<Moved> export_bundle(const Store& store, const Vec<std::string>& keys,
                            const std::string& path, const SigningKey* signing);

// Takes in what a bundle holds. No name in it is used as a path: records give the keys and digests
// that are accepted, everything else is skipped. Errors: kUnsigned without a trusted signature unless
// `allow_unsigned`; kDamaged where an entry in it is not whole; nothing of that entry is visible then.
Result<Moved> import_bundle(Store& store, const std::string& path, const TrustedKeys& trusted,
                            bool allow_unsigned);

// An entry that came from elsewhere, ready to be published: the checks that bundles and remotes share.
struct Incoming {
  Entry entry;
  std::string meta;
  std::string lir = {};
  std::string signatures = {};
};
// The record, if it is whole, of that key, and signed as asked.
Result<Incoming> accept(std::string_view key, std::string meta, std::string signatures,
                        const TrustedKeys& trusted, bool allow_unsigned);

}  // namespace rlx::cache
