// The cache's error codes (docs/errors.md): 8xxx is the cache's own trouble, 2xxx what the user
// asked.
#pragma once

namespace rlx::cache {

enum Code : int {
  kBadKey = 2081,
  kBadSetting = 2082,
  // Constants that an entry leaves in its model's files, which are gone, changed, or not known.
  kNotAtHand = 3023,
  // The folder could be changed by somebody who is not trusted.
  kUnsafe = 8001,
  // The folder cannot be made or opened.
  kUnusableRoot = 8002,
  kMissing = 8003,
  // Bytes that are not those that were written.
  kDamaged = 8004,
  // Made by an rlx that writes another format.
  kForeign = 8005,
  kCannotRead = 8006,
  kCannotWrite = 8007,
  // Bytes that changed while they were being stored.
  kChanged = 8008,
  // An entry that no trusted key signed, where a signature is wanted.
  kUnsigned = 8009,
  // No key to sign with.
  kNoSigningKey = 8010,
  // The cache's disk, or its quota, is full.
  kNoSpace = 11003,
  // No entry of that name.
  kNoEntry = 13001,
};

}  // namespace rlx::cache
