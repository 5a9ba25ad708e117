// What a remote cache sends first.
#include "cache/action_result.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto files = cache::parse_action_result(bytes);
  if (!files) return 0;
  auto again = cache::parse_action_result(cache::action_result_text(*files));
  RLX_CHECK(again.ok() && *again == *files);
  return 0;
}
