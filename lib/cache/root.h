// The root of a cache: made private, refused where others could plant code in it.
#pragma once
#include "cache/folder.h"
#include "cache/options.h"

namespace rlx::cache {

struct Root {
  Folder folder;
  // Others may write it too, and the user's trusted_dirs says that this is meant: only entries that a
  // trusted key signed count.
  bool shared = false;
};

// Opens the root, and makes it first where `options` may write. A folder that is not ok: there is
// no cache at that path yet and may not be. kUnsafe where the root or a parent belongs to neither
// us nor root, or is writable by others (sticky parents of root's, such as /tmp, are fine), unless a
// line of ~/.config/rlx/trusted_dirs names it or a folder above it.
// kForeign: a cache of another format. kUnusableRoot: the root cannot be made or opened.
Result<Root> open_root(const Options& options);

}  // namespace rlx::cache
