#include "driver/store_compiled.h"

#include "cache/reuse.h"
#include "driver/toolchain.h"

namespace rlx::driver {
namespace {

Status add_blob(cache::Store& store, cache::Entry& entry, Bytes bytes, const Digest& digest,
                cache::Role role) {
  entry.blobs.push_back({digest, static_cast<int64_t>(bytes.size()), role});
  return store.put_blob(digest, bytes);
}

}  // namespace

Status store_compiled(cache::Store& store, const cache::KeyLock& lock, const Action& action,
                      const Compiled& compiled, const std::set<Digest>& external,
                      int64_t compile_ms) {
  cache::Entry entry{.key = action.key,
                     .action = action.digest,
                     .fingerprint = action.fingerprint,
                     .structure = action.structure};
  entry.inputs = action.inputs;
  entry.toolchain = toolchain();
  entry.isa = compiled.image.isa;
  const cache::Publication hold = store.publishing();
  const std::string image = image::encode(compiled.image);
  RLX_TRY_VOID(
      add_blob(store, entry, bytes_of(image), sha256(bytes_of(image)), cache::Role::kImage));
  for (const auto& [digest, data] : compiled.constants.blobs) {
    if (external.contains(digest)) {
      const auto size = static_cast<int64_t>(data.bytes().size());
      entry.blobs.push_back({digest, size, cache::Role::kExternal});
      continue;
    }
    RLX_TRY_VOID(add_blob(store, entry, data.bytes(), digest, cache::Role::kForm));
  }
  RLX_TRY_VOID(store.publish(lock, entry, to_json(compiled.lir),
                             {.compile_ms = compile_ms, .producer = "rlx " + version()}));
  cache::note_code(store, compiled.image.code_key, entry.blobs.front());
  return {};
}

}  // namespace rlx::driver
