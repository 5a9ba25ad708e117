#include "cache/made_code.h"

namespace rlx::cache {
namespace {

constexpr const char* kMadeFolder = "jit";
constexpr size_t kDigits = 64;
constexpr size_t kMostBytes = size_t{1} << 30;

std::string digest_line(std::string_view code) { return sha256(bytes_of(code)).hex() + "\n"; }

}  // namespace

std::optional<std::string> find_made_code(const Store& store, const Digest& name) {
  // Which code is run is not for others to say.
  if (store.shared()) return std::nullopt;
  const Folder folder = store.root().below(kMadeFolder);
  if (!folder.ok() || store.options().mode == Mode::kRefresh) return std::nullopt;
  auto text = folder.read(name.hex(), kMostBytes);
  if (!text || text->size() <= kDigits) return std::nullopt;
  std::string code = text->substr(kDigits + 1);
  if (text->substr(0, kDigits + 1) != digest_line(code)) return std::nullopt;
  return code;
}

void note_made_code(const Store& store, const Digest& name, std::string_view code) {
  if (!store.writable() || store.shared()) return;
  const Folder folder = store.root().make(kMadeFolder);
  if (!folder.ok()) return;
  const std::string text = digest_line(code) + std::string(code);
  (void)put_file(folder, store.root(), name.hex(), bytes_of(text), Durability::kFast);
}

}  // namespace rlx::cache
