#include "cache/reuse.h"

#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr const char* kFolder = "plans";

}  // namespace

std::optional<BlobRef> find_code(const Store& store, const Digest& code_key) {
  // Which code is run is not for others to say.
  if (store.shared()) return std::nullopt;
  const Folder folder = store.root().below(kFolder);
  if (!folder.ok() || store.options().mode == Mode::kRefresh) return std::nullopt;
  auto text = folder.read(code_key.hex(), 4096);
  auto json = text ? Json::parse(*text) : Result<Json>(text.error());
  if (!json) return std::nullopt;
  const JsonReader reader(*json, "plan");
  auto digest = reader.string("image");
  auto size = reader.integer("size");
  auto image = digest ? Digest::from_hex(*digest) : std::nullopt;
  if (!image || !size || *size < 0) return std::nullopt;
  return BlobRef{.digest = *image, .size = *size, .role = Role::kImage};
}

void note_code(const Store& store, const Digest& code_key, const BlobRef& image) {
  if (!store.writable() || store.shared()) return;
  const Folder folder = store.root().make(kFolder);
  if (!folder.ok()) return;
  JsonWriter writer;
  writer.begin_object();
  writer.member("image", image.digest.hex());
  writer.member("size", image.size);
  writer.end_object();
  (void)put_file(folder, store.root(), code_key.hex(), bytes_of(writer.take() + '\n'),
                 Durability::kFast);
}

}  // namespace rlx::cache
