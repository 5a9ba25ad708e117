#include "image/codec.h"

#include <fmt/format.h>

#include "image/codes.h"

namespace rlx::image {
namespace {

Error damaged(std::string_view what) {
  return Error(kDamaged, fmt::format("the image is damaged: {}", what));
}

// The sizes of the sections, or what is wrong with the header.
Result<Vec<uint64_t>> read_header(Reader& reader) {
  const Bytes magic = reader.take_bytes(kMagic.size());
  if (reader.failed() || std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
    return Error(kDamaged, "this is not an image of rlx");
  }
  uint32_t version = 0, sections = 0;
  reader.take(version);
  if (version != kVersion && !reader.failed()) {
    return Error(kOtherVersion, fmt::format("the image has version {}, this rlx reads version {}",
                                            version, kVersion));
  }
  reader.take(sections);
  if (sections != kSections) return damaged("it has another number of sections");
  Vec<uint64_t> sizes(kSections);
  for (uint64_t& size : sizes) reader.take(size);
  if (reader.failed()) return damaged("its header is cut off");
  return sizes;
}

// Fills one section from exactly its bytes.
template <class T>
Status read_section(std::string_view name, uint64_t size, Reader& file, T& section) {
  Reader reader(file.take_bytes(size));
  if (file.failed()) return damaged(fmt::format("section {} is cut off", name));
  reader.take(section);
  if (reader.failed()) return damaged(fmt::format("section {} ends too early", name));
  if (!reader.at_end()) return damaged(fmt::format("section {} has bytes left over", name));
  return {};
}

}  // namespace

std::string encode(const Image& image) {
  Writer header, body;
  for (const char c : kMagic) header.put(c);
  header.put(kVersion);
  header.put(kSections);
  each_member(image, [&](std::string_view, const auto& section) {
    const size_t begin = body.size();
    body.put(section);
    header.put(uint64_t{body.size() - begin});
  });
  return header.take() + body.take();
}

Result<Image> decode(Bytes bytes) {
  Reader file(bytes);
  RLX_TRY(Vec<uint64_t> sizes, read_header(file));
  Image image;
  Status status;
  size_t next = 0;
  each_member(image, [&](std::string_view name, auto& section) {
    if (status) status = read_section(name, sizes[next++], file, section);
  });
  RLX_TRY_VOID(std::move(status));
  if (!file.at_end()) return damaged("bytes are left over at its end");
  RLX_TRY_VOID(verify(image));
  return image;
}

}  // namespace rlx::image
