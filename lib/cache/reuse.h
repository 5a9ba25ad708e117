// Which image in the cache has the code for a code key: plans/<64 hex digits>, disposable.
//
// A hint that is checked: whoever uses it compares the code key that stands in the image itself.
#pragma once
#include "cache/store.h"

namespace rlx::cache {

std::optional<BlobRef> find_code(const Store& store, const Digest& code_key);
void note_code(const Store& store, const Digest& code_key, const BlobRef& image);

}  // namespace rlx::cache
