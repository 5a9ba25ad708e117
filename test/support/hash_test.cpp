#include "support/hash.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

TEST_CASE("sha256 is the standard's") {
  CHECK(sha256({}).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(bytes_of("abc")).hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// Cache keys stand on these bytes: a change here makes every cache in the field miss.
TEST_CASE("the encoding of fields is pinned") {
  std::string bytes("rlx.v1.test\0", 12);
  bytes += std::string("\x04\0\0\0name\x03\0\0\0\0\0\0\0abc", 19);
  bytes += std::string("\x01\0\0\0n\x08\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0", 21);
  Hasher hasher("rlx.v1.test");
  hasher.field("name", "abc");
  hasher.field("n", int64_t{5});
  Digest digest = hasher.finish();
  CHECK(digest == sha256(bytes_of(bytes)));
  CHECK(digest.hex() == "4b8401c151865e0010c85de2a58429123377a675ceed95d6a85fa0d104d5d1f8");
}

TEST_CASE("fields cannot run into each other") {
  auto digest = [](std::string_view a, std::string_view b) {
    Hasher hasher("d");
    hasher.field("x", a);
    hasher.field("x", b);
    return hasher.finish();
  };
  CHECK(digest("ab", "c") != digest("a", "bc"));
  CHECK(digest("", "") != digest("", "x"));
  CHECK(Hasher("a").finish() != Hasher("b").finish());
}

TEST_CASE("floats are hashed by their bits") {
  auto digest = [](double x) {
    Hasher hasher("d");
    hasher.field("x", x);
    return hasher.finish();
  };
  CHECK(digest(0.0) != digest(-0.0));
  CHECK(digest(1.0) == digest(1.0));
}

TEST_CASE("a digest has one spelling") {
  Digest digest = sha256(bytes_of("abc"));
  std::string hex = digest.hex();
  CHECK(Digest::from_hex(hex) == digest);
  CHECK(!Digest::from_hex(hex.substr(1)));
  CHECK(!Digest::from_hex(hex + "0"));
  hex[3] = 'G';
  CHECK(!Digest::from_hex(hex));
  CHECK(!Digest::from_hex(std::string(64, 'A')));
}

}  // namespace
}  // namespace rlx
