#include "support/json_plain.h"

#include <catch2/catch.hpp>

#include <random>

#include "support/json_parser.h"

namespace rlx {
namespace {

constexpr std::string_view kRecord = R"({
  "blobs": [
    {"note": "", "role": "image", "size": 24783},
    {"note": "panel 16", "role": "été ☃", "size": 0}
  ],
  "empty": {}, "none": [], "numbers": [-1, 9223372036854775807, -9223372036854775808, 1796116941000000001]
})";

// What simdjson reads is the oracle.
bool is_same(const Json& a, const Json& b) {
  if (a.held.index() != b.held.index()) return false;
  if (a.integer()) return *a.integer() == *b.integer();
  if (a.string()) return *a.string() == *b.string();
  if (a.array()) {
    return std::ranges::equal(*a.array(), *b.array(), is_same);
  }
  return a.object() && std::ranges::equal(*a.object(), *b.object(), [](auto& x, auto& y) {
           return x.name == y.name && is_same(x.value, y.value);
         });
}

void check_reads_as_simdjson(std::string_view text) {
  const std::optional<Json> plain = parse_plain_json(text);
  if (!plain) return;
  auto any = parse_any_json(text);
  INFO(text);
  REQUIRE(any.ok());
  REQUIRE(is_same(*plain, *any));
}

}  // namespace

TEST_CASE("records are plain") {
  REQUIRE(parse_plain_json(kRecord));
  check_reads_as_simdjson(kRecord);
}

TEST_CASE("what is more than plain is left to simdjson") {
  for (const char* text : {"1.5",
                           "1e3",
                           "-0",
                           "01",
                           "-",
                           "9223372036854775808",
                           "true",
                           "null",
                           R"("\n")",
                           "\"\xc3\"",
                           "\"\xed\xa0\x80\"",
                           R"({"a": 1, "a": 2})",
                           "[1,]",
                           "[1 2]",
                           "{1: 2}",
                           "",
                           "[",
                           "{} {}",
                           "\"a",
                           "+1",
                           "- 1"}) {
    INFO(text);
    CHECK_FALSE(parse_plain_json(text));
  }
  CHECK_FALSE(parse_plain_json(std::string(100, '[') + std::string(100, ']')));
}

TEST_CASE("whatever is plain means what it means to simdjson") {
  constexpr std::string_view kLetters = "{}[]\",:\\ \n019-.eE\x7f\xc3tfn\xa9\xe2";
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string text(kRecord);
    for (size_t changes = 1 + random() % 3; changes != 0; --changes) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = kLetters[random() % kLetters.size()]; break;
        case 1: text.erase(at, 1 + random() % 4); break;
        case 2: text.insert(at, 1, kLetters[random() % kLetters.size()]); break;
      }
    }
    check_reads_as_simdjson(text);
  }
}

}  // namespace rlx
