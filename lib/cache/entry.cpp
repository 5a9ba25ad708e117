#include "cache/entry.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/key.h"
#include "support/hash.h"
#include "support/json.h"

namespace rlx::cache {
namespace {

constexpr int64_t kEntryFormat = 1;

using Layout = JsonWriter::Layout;

// In the order of Role.
constexpr std::array<std::string_view, 4> kRoles{"image", "weights", "form", "external"};

Result<Role> read_role(const JsonReader& reader) {
  RLX_TRY(const std::string text, reader.string("role"));
  auto found = std::find(kRoles.begin(), kRoles.end(), text);
  if (found == kRoles.end()) return reader.wrong("unknown role");
  return static_cast<Role>(found - kRoles.begin());
}

void write_map(JsonWriter& writer, std::string_view name,
               const std::map<std::string, std::string>& map) {
  writer.key(name);
  writer.begin_object(Layout::kLines);
  for (const auto& [key, value] : map) writer.member(key, value);
  writer.end_object();
}

void write_blobs(JsonWriter& writer, const Vec<BlobRef>& blobs) {
  writer.key("blobs");
  writer.begin_array(Layout::kLines);
  for (const BlobRef& blob : blobs) {
    writer.begin_object();
    writer.member("note", blob.note);
    writer.member("role", name(blob.role));
    writer.member("sha256", blob.digest.hex());
    writer.member("size", blob.size);
    writer.end_object();
  }
  writer.end_array();
}

void write_lir(JsonWriter& writer, const Entry& entry) {
  writer.key("lir");
  writer.begin_object();
  writer.member("sha256", entry.lir.hex());
  writer.member("size", entry.lir_size);
  writer.end_object();
}

// The whole text, with `self` on the line of its own where the order of keys puts it. A null `self`
// gives the text that the digest is taken of.
std::string write_meta(const Entry& entry, const Digest* self) {
  JsonWriter writer;
  writer.begin_object(Layout::kLines);
  writer.member("action", entry.action.hex());
  write_blobs(writer, entry.blobs);
  writer.member("fingerprint", entry.fingerprint.hex());
  writer.member("format", kEntryFormat);
  write_map(writer, "inputs", entry.inputs);
  writer.key("isa");
  writer.values(std::span(entry.isa));
  writer.member("key", entry.key);
  write_lir(writer, entry);
  if (self) writer.member("self", self->hex());
  writer.member("structure", entry.structure.hex());
  write_map(writer, "toolchain", entry.toolchain);
  writer.end_object();
  return writer.take() + '\n';
}

Result<Digest> read_digest(const JsonReader& reader) {
  RLX_TRY(const std::string text, reader.string());
  if (auto digest = Digest::from_hex(text)) return *digest;
  return reader.wrong("expected 64 hex digits");
}

Result<Digest> read_digest(const JsonReader& reader, std::string_view name) {
  RLX_TRY(const JsonReader member, reader.get(name));
  return read_digest(member);
}

Result<int64_t> read_size(const JsonReader& reader) {
  RLX_TRY(const int64_t size, reader.integer("size"));
  if (size < 0) return reader.wrong("negative size");
  return size;
}

Result<BlobRef> read_blob(const JsonReader& reader) {
  BlobRef blob;
  RLX_TRY(blob.digest, read_digest(reader, "sha256"));
  RLX_TRY(blob.size, read_size(reader));
  RLX_TRY(blob.role, read_role(reader));
  RLX_TRY(blob.note, reader.string("note"));
  return blob;
}

Result<Vec<BlobRef>> read_blobs(const JsonReader& root) {
  RLX_TRY(const JsonReader list, root.get("blobs"));
  RLX_TRY(const Vec<JsonReader> items, list.items());
  Vec<BlobRef> blobs;
  blobs.reserve(items.size());
  for (const JsonReader& item : items) {
    RLX_TRY(BlobRef blob, read_blob(item));
    blobs.push_back(std::move(blob));
  }
  return blobs;
}

Status read_map(const JsonReader& root, std::string_view name,
                std::map<std::string, std::string>& map) {
  RLX_TRY(const JsonReader object, root.get(name));
  if (!object.json().object()) return object.wrong("expected an object");
  for (const auto& [key, member] : *object.json().object()) {
    const JsonReader reader(member, object.where() + '.' + key);
    RLX_TRY(map[key], reader.string());
  }
  return {};
}

Status read_lir(const JsonReader& root, Entry& entry) {
  RLX_TRY(const JsonReader lir, root.get("lir"));
  RLX_TRY(entry.lir, read_digest(lir, "sha256"));
  RLX_TRY(entry.lir_size, read_size(lir));
  return {};
}

Result<Entry> read_entry(const JsonReader& root) {
  Entry entry;
  RLX_TRY(entry.key, root.string("key"));
  RLX_TRY(entry.action, read_digest(root, "action"));
  RLX_TRY(entry.fingerprint, read_digest(root, "fingerprint"));
  RLX_TRY(entry.structure, read_digest(root, "structure"));
  RLX_TRY_VOID(read_lir(root, entry));
  RLX_TRY(entry.blobs, read_blobs(root));
  RLX_TRY_VOID(read_map(root, "inputs", entry.inputs));
  RLX_TRY_VOID(read_map(root, "toolchain", entry.toolchain));
  RLX_TRY(const JsonReader isa, root.get("isa"));
  RLX_TRY(entry.isa, isa.strings());
  return entry;
}

Error damaged(std::string_view key, std::string_view why) {
  return Error(kDamaged, fmt::format("{} is damaged: {}", meta_name(key), why));
}

// The digest on the line of `self`, if it is that of all other lines. Every format keeps this rule,
// so that damage is told from a record that is whole and foreign.
std::optional<Digest> checked_self(std::string_view text) {
  constexpr std::string_view kBefore = "\n  \"self\": \"";
  constexpr std::string_view kAfter = "\",";
  const size_t start = text.find(kBefore);
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(start + kBefore.size());
  auto self = Digest::from_hex(line.substr(0, 64));
  if (!self || !line.substr(64).starts_with(kAfter)) return std::nullopt;
  std::string others(text.substr(0, start));
  others += line.substr(64 + kAfter.size());
  return sha256(bytes_of(others)) == *self ? self : std::nullopt;
}

Status check_entry_format(std::string_view key, const JsonReader& root) {
  auto format = root.integer("format");
  if (!format) return damaged(key, format.error().first().message);
  if (*format == kEntryFormat) return {};
  return Error(kForeign, fmt::format("{} has format {}, this rlx reads format {}", meta_name(key),
                                     *format, kEntryFormat));
}

}  // namespace

std::string_view name(Role role) { return kRoles[static_cast<size_t>(role)]; }

const BlobRef* Entry::find(Role role) const {
  auto found = std::find_if(blobs.begin(), blobs.end(), [&](auto& b) { return b.role == role; });
  return found == blobs.end() ? nullptr : &*found;
}

std::string meta_text(const Entry& entry) {
  const Digest self = sha256(bytes_of(write_meta(entry, nullptr)));
  return write_meta(entry, &self);
}

Result<Entry> parse_meta(std::string_view key, std::string_view text) {
  auto self = checked_self(text);
  if (!self) return damaged(key, "its bytes differ from its own digest");
  auto json = Json::parse(text);
  if (!json) return damaged(key, json.error().first().message);
  const JsonReader root(*json, "it");
  RLX_TRY_VOID(check_entry_format(key, root));
  auto entry = read_entry(root);
  if (!entry) return damaged(key, entry.error().first().message);
  // One comparison refuses other orders, spaces, unknown members and repeated ones.
  if (write_meta(*entry, &*self) != text) return damaged(key, "it is not canonical");
  if (entry->key != key) return damaged(key, "it belongs to " + entry->key);
  return entry;
}

}  // namespace rlx::cache
