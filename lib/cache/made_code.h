// Machine code that a device's own compiler made of an entry's code: jit/<64 hex digits>, disposable.
//
// What makes it is in the name; the file begins with the digest of the rest.
#pragma once
#include "cache/store.h"

namespace rlx::cache {

std::optional<std::string> find_made_code(const Store& store, const Digest& name);
void note_made_code(const Store& store, const Digest& name, std::string_view code);

}  // namespace rlx::cache
