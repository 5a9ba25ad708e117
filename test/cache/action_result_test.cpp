// Bazel's ActionResult: what we write others read, what others write we survive.
#include "cache/action_result.h"

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

Vec<OutputFile> sample() {
  return {{"k.meta.json", sha256(bytes_of("meta")), 4},
          {"blobs/ab", sha256(bytes_of("blob")), 1 << 30}};
}

TEST_CASE("an ActionResult survives its bytes") {
  auto read = parse_action_result(action_result_text(sample()));
  REQUIRE(read.ok());
  CHECK(*read == sample());
  CHECK(parse_action_result("")->empty());
}

TEST_CASE("the bytes are those of the protocol") {
  // output_files = 2 {path = 1 "a", digest = 2 {hash = 1, size_bytes = 2}}, by hand.
  Digest digest = sha256(bytes_of("x"));
  std::string inner = "\x0a\x40" + digest.hex() + "\x10\x05";
  std::string file = std::string(
                         "\x0a\x01"
                         "a\x12") +
                     static_cast<char>(inner.size()) + inner;
  std::string wanted = std::string("\x12") + static_cast<char>(file.size()) + file;
  CHECK(action_result_text({{"a", digest, 5}}) == wanted);
}

TEST_CASE("fields of other versions are skipped") {
  // exit_code = 4, stdout_raw = 5, execution_metadata = 9.
  std::string text = action_result_text(sample()) + std::string("\x20\x00\x2a\x02hi\x4a\x00", 8);
  CHECK(parse_action_result(text)->size() == 2);
}

TEST_CASE("an ActionResult cut off or altered anywhere is an error or another one") {
  std::string whole = action_result_text(sample());
  for (size_t i = 0; i < whole.size(); ++i) {
    auto cut = parse_action_result(whole.substr(0, i));
    if (cut) CHECK(cut->size() < 2);
    for (int bit = 0; bit < 8; ++bit) {
      std::string harmed = whole;
      harmed[i] = static_cast<char>(harmed[i] ^ 1 << bit);
      auto read = parse_action_result(harmed);
      if (!read) CHECK(read.error().first().code == kDamaged);
    }
  }
}

}  // namespace
}  // namespace rlx::cache
