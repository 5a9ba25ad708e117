#include <protozero/pbf_message.hpp>
#include <protozero/pbf_writer.hpp>

#include "cache/action_result.h"
#include "cache/codes.h"

namespace rlx::cache {
namespace {

// message ActionResult { repeated OutputFile output_files = 2; int32 exit_code = 4; ... }
constexpr protozero::pbf_tag_type kOutputFiles = 2;
// message OutputFile { string path = 1; Digest digest = 2; ... }
constexpr protozero::pbf_tag_type kPath = 1, kDigest = 2;
// message Digest { string hash = 1; int64 size_bytes = 2; }
constexpr protozero::pbf_tag_type kHash = 1, kSize = 2;

constexpr size_t kMaxFiles = 100'000;

struct RawFile {
  std::string path, hash;
  int64_t size = -1;
};

// Whether the field at hand is that one, in the form that the protocol gives it.
bool is_field(const protozero::pbf_reader& reader, protozero::pbf_tag_type tag,
              protozero::pbf_wire_type type) {
  return reader.tag() == tag && reader.has_wire_type(type);
}
bool is_text(const protozero::pbf_reader& reader, protozero::pbf_tag_type tag) {
  return is_field(reader, tag, protozero::pbf_wire_type::length_delimited);
}

void read_output_digest(protozero::pbf_reader reader, RawFile& file) {
  while (reader.next()) {
    if (is_text(reader, kHash)) {
      file.hash = reader.get_string();
    } else if (is_field(reader, kSize, protozero::pbf_wire_type::varint)) {
      file.size = reader.get_int64();
    } else {
      reader.skip();
    }
  }
}

RawFile read_file(protozero::pbf_reader reader) {
  RawFile file;
  while (reader.next()) {
    if (is_text(reader, kPath)) {
      file.path = reader.get_string();
    } else if (is_text(reader, kDigest)) {
      read_output_digest(reader.get_message(), file);
    } else {
      reader.skip();
    }
  }
  return file;
}

Vec<RawFile> read_files(std::string_view bytes) {
  Vec<RawFile> files;
  protozero::pbf_reader reader(bytes.data(), bytes.size());
  while (reader.next()) {
    if (is_text(reader, kOutputFiles) && files.size() < kMaxFiles) {
      files.push_back(read_file(reader.get_message()));
    } else {
      reader.skip();
    }
  }
  return files;
}

}  // namespace

std::string action_result_text(const Vec<OutputFile>& files) {
  std::string text;
  protozero::pbf_writer result(text);
  for (const OutputFile& file : files) {
    protozero::pbf_writer output(result, kOutputFiles);
    output.add_string(kPath, file.path);
    protozero::pbf_writer digest(output, kDigest);
    digest.add_string(kHash, file.digest.hex());
    digest.add_int64(kSize, file.size);
  }
  return text;
}

Result<Vec<OutputFile>> parse_action_result(std::string_view bytes) {
  Vec<RawFile> raw;
  try {
    raw = read_files(bytes);
  } catch (const protozero::exception& e) {
    return Error(kDamaged, std::string("no ActionResult: ") + e.what());
  }
  Vec<OutputFile> files;
  for (RawFile& file : raw) {
    auto digest = Digest::from_hex(file.hash);
    if (!digest || file.size < 0) return Error(kDamaged, "an ActionResult without a digest");
    files.push_back({std::move(file.path), *digest, file.size});
  }
  return files;
}

}  // namespace rlx::cache
