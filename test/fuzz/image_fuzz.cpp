// The image reader: whatever it accepts encodes to the same bytes, lists, and places.
#include "image/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto image = image::decode(bytes_of(text));
  if (!image) return 0;
  RLX_CHECK(image::encode(*image) == text, "an image has two spellings");
  RLX_CHECK(!image::to_text(*image).empty());
  // Placement takes the square of the number of buffers, and is asked for what the cache vouches for.
  if (image->buffers.size() > 64) return 0;
  Vec<int64_t> symbols;
  for (const image::Symbol& symbol : image->symbols) symbols.push_back(symbol.min);
  auto placement = image::place(*image, symbols);
  RLX_CHECK(!placement || placement->offsets.size() == image->buffers.size());
  return 0;
}
