#include "driver/code_keeper.h"

#include "cache/made_code.h"

namespace rlx::driver {

runtime::CodeKeeper code_keeper(const cache::Options& options) {
  const auto find = [options](const Digest& name) -> std::optional<std::string> {
    const auto store = cache::Store::open(options);
    return store ? cache::find_made_code(*store, name) : std::nullopt;
  };
  const auto keep = [options](const Digest& name, const std::string& code) {
    const auto store = cache::Store::open(options);
    if (store) cache::note_made_code(*store, name, code);
  };
  return {find, keep};
}

}  // namespace rlx::driver
