#include "image/codec.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "image/codes.h"
#include "support/files.h"
#include "test/image/sample.h"

namespace rlx::image {
namespace {

std::string problem_of(std::string_view bytes) {
  auto image = decode(bytes_of(bytes));
  return image ? "" : image.error().first().message;
}

// What decode() accepts must be the one spelling of what it returned.
void check_strict(const std::string& bytes) {
  auto image = decode(bytes_of(bytes));
  if (image) CHECK(encode(*image) == bytes);
}

TEST_CASE("an image survives its bytes") {
  auto read = decode(bytes_of(encode(sample())));
  REQUIRE(read.ok());
  CHECK(*read == sample());
}

TEST_CASE("states survive their bytes") {
  auto read = decode(bytes_of(encode(stateful())));
  REQUIRE(read.ok());
  CHECK(*read == stateful());
}

TEST_CASE("borders survive their bytes") {
  auto read = decode(bytes_of(encode(bordered())));
  REQUIRE(read.ok());
  CHECK(*read == bordered());
}

TEST_CASE("an empty image survives its bytes") {
  auto read = decode(bytes_of(encode(Image{})));
  REQUIRE(read.ok());
  CHECK(*read == Image{});
}

TEST_CASE("the bytes are pinned: whoever changes them raises kVersion") {
  CHECK(kVersion == 8);
  CHECK(sha256(bytes_of(encode(sample()))).hex() ==
        "9f7f655ffd40b6fb24b4a478d2dc5417630765478e483fe5102c082b213716a5");
}

std::string golden(uint32_t version) {
  const std::string path =
      RLX_TEST_SOURCE_DIR "/../cache-format/golden/image/" + std::to_string(version);
  auto bytes = read_file(path);
  if (!bytes) FAIL(to_text(bytes.error()));
  return *bytes;
}

// A version that is new has its file written by `test_image "[golden]"`, once.
TEST_CASE("the golden image of this version is written", "[.][golden]") {
  std::ofstream(RLX_TEST_SOURCE_DIR "/../cache-format/golden/image/" + std::to_string(kVersion))
      << encode(stateful());
}

TEST_CASE("golden images of all versions are read, or politely refused") {
  auto current = decode(bytes_of(golden(kVersion)));
  REQUIRE(current.ok());
  CHECK(*current == stateful());
  for (const uint32_t version : {3, 4, 5, 6, 7}) {
    auto old = decode(bytes_of(golden(version)));
    REQUIRE(!old.ok());
    CHECK(old.error().first().code == kOtherVersion);
  }
}

TEST_CASE("an image cut off anywhere is refused") {
  std::string bytes = encode(sample());
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(problem_of(bytes.substr(0, size)) != "");
}

TEST_CASE("an image with bytes behind it is refused") {
  CHECK(problem_of(encode(sample()) + '\0') ==
        "the image is damaged: bytes are left over at its end");
}

TEST_CASE("a changed byte is refused or is another image") {
  const std::string bytes = encode(stateful());
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int change : {1, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      check_strict(changed);
    }
  }
}

TEST_CASE("what is no image says so") {
  CHECK(problem_of("") == "this is not an image of rlx");
  CHECK(problem_of("#!/bin/sh\nexit 0\n") == "this is not an image of rlx");
}

TEST_CASE("another version says which") {
  std::string bytes = encode(sample());
  bytes[kMagic.size()] = 9;
  auto image = decode(bytes_of(bytes));
  REQUIRE(!image.ok());
  CHECK(image.error().first().message == "the image has version 9, this rlx reads version 8");
  CHECK(image.error().exit_code() == static_cast<int>(Exit::kCache));
}

TEST_CASE("a huge count costs nothing") {
  std::string bytes = encode(Image{});
  // The number of symbols, behind the counts of target and isa, and the code key.
  std::memset(bytes.data() + kHeaderBytes + 8 + 32, 0xff, 4);
  CHECK(problem_of(bytes) == "the image is damaged: section symbols ends too early");
}

TEST_CASE("the listing shows everything") {
  CHECK(to_text(sample()) == R"(image cpu:x86-64-v3
isa avx2 fma
symbols
  0 batch = input 0 axis 0, 1..64 % 2
  1 steps = given, 0..
inputs
  0 x: f32[batch, 4] in buffer 0
outputs
  0 y: f32[batch, 4] in buffer 1
  1 x_again: f32[batch, 4] in buffer 2
buffers
  0 input batch * 16 bytes
  1 output batch * 16 bytes
  2 output batch * 16 bytes
  3 arena batch * 16 bytes, lives 0..1
  4 arena 256 bytes, lives 2..3, slot 5, holds 000080ff
  5 constant 64 bytes, 9a129038d9a0 + 128
guards
  0 batch <= 64: batch <= 64 [/mul]
kernels
  0 mul at 0x0, batch tiles, 64 bytes of scratch, checks index out of range [/mul]
  1 relu at 0x40, 1 tiles, 64 bytes of scratch
commands
  0 launch mul (0, 5, 3) [/mul, /mul/fold]
  1 launch relu (3, 1) after 0 [/relu]
  2 copy (2, 0) [/identity]
  3 fill (4) [/pad]
code 128 bytes
)");
}

TEST_CASE("the listing shows states") {
  const std::string text = to_text(stateful());
  CHECK(text.find("  2 room_of_x = room of a state\n") != std::string::npos);
  CHECK(text.find("states\n"
                  "  0 y holds x along axis 0, room room_of_y and room_of_x, copied by 4\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace rlx::image
