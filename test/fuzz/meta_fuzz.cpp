// The record of an entry: whatever is read is written the same again, whatever is not is an error.
#include "cache/entry.h"
#include "support/hash.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto entry = cache::parse_meta("golden", text);
  if (entry) RLX_CHECK(cache::meta_text(*entry) == text);
  return 0;
}
