#include "support/json.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace rlx {
namespace {

using Layout = JsonWriter::Layout;

template <class T>
std::string text_of(const T& value) {
  JsonWriter writer;
  writer.value(value);
  return writer.take();
}

Json parsed(std::string_view text) {
  auto json = Json::parse(text);
  INFO(text);
  REQUIRE(json.ok());
  return std::move(*json);
}

std::string problem_of(std::string_view text) {
  auto json = Json::parse(text);
  return json.ok() ? "" : json.error().first().message;
}

template <class Float>
bool round_trips(Float value) {
  auto read = parsed(text_of(value)).number();
  if (!read) return false;
  auto back = static_cast<Float>(*read);
  return std::memcmp(&back, &value, sizeof value) == 0;
}

TEST_CASE("containers keep order; lines or one line") {
  JsonWriter w;
  w.begin_object(Layout::kLines);
  w.member("b", 1);
  w.key("a");
  w.begin_array(Layout::kLines);
  w.begin_object();
  w.member("x", true);
  w.member("y", "z");
  w.end_object();
  w.null();
  w.end_array();
  w.key("empty");
  w.begin_array(Layout::kLines);
  w.end_array();
  w.key("dims");
  w.values(std::span<const int64_t>(std::array<int64_t, 2>{1, 2}));
  w.end_object();
  CHECK(w.text() == R"({
  "b": 1,
  "a": [
    {"x": true, "y": "z"},
    null
  ],
  "empty": [],
  "dims": [1, 2]
})");
}

TEST_CASE("strings are escaped and read back") {
  std::string awkward("quote \" slash \\ line \n tab \t nul \0 bell \a é 😀", 44);
  CHECK(text_of(std::string("a\"\\\n\x01")) == R"("a\"\\\n\u0001")");
  CHECK(*parsed(text_of(awkward)).string() == awkward);
}

TEST_CASE("what is not UTF-8 is replaced, so that the text is always JSON") {
  for (std::string bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    std::string read = *parsed(text_of("a" + bad)).string();
    CHECK(read.starts_with("a\xEF\xBF\xBD"));
  }
}

TEST_CASE("floats stay floats") {
  CHECK(text_of(1.0) == "1.0");
  CHECK(text_of(-0.0) == "-0.0");
  CHECK(text_of(0.1F) == "0.1");
  CHECK(text_of(0.1) == "0.1");
  CHECK(text_of(1e300) == "1e+300");
  CHECK(text_of(123456789012345680000.0) == "123456789012345683968.0");
  CHECK(text_of(std::numeric_limits<double>::quiet_NaN()) == "\"nan\"");
  CHECK(text_of(-std::numeric_limits<float>::infinity()) == "\"-inf\"");
}

TEST_CASE("awkward floats read back bit for bit") {
  using Limits = std::numeric_limits<double>;
  for (double x : {0.0, -0.0, 0.1, 1.0 / 3, 1e22, 1e23, 5e-324, Limits::min(), Limits::max(),
                   -Limits::infinity(), 9007199254740993.0, 123456789012345680000.0}) {
    CHECK(round_trips(x));
  }
  CHECK(std::isnan(*parsed(text_of(Limits::quiet_NaN())).number()));
}

TEST_CASE("random floats read back bit for bit") {
  std::mt19937_64 random(1);
  bool all = true;
  for (int i = 0; i < 100000 && all; ++i) {
    auto f = std::bit_cast<float>(static_cast<uint32_t>(random()));
    auto d = std::bit_cast<double>(uint64_t{random()});
    all = (std::isnan(f) || round_trips(f)) && (std::isnan(d) || round_trips(d));
  }
  CHECK(all);
}

TEST_CASE("integers of 64 bits are exact") {
  Json least = parsed("-9223372036854775808");
  REQUIRE(least.integer());
  CHECK(*least.integer() == std::numeric_limits<int64_t>::min());
  CHECK(parsed(text_of(UINT64_MAX)).natural().value_or(0) == UINT64_MAX);
  CHECK(parsed("18446744073709551615").integer() == nullptr);
  CHECK(!parsed("-1").natural());
  CHECK(parsed("1").number() == 1.0);
  CHECK(parsed("1.5").integer() == nullptr);
}

TEST_CASE("what is not JSON is refused") {
  for (std::string_view bad : {"", " ", "{", "[1,]", "{\"a\":}", "01", "nan", "'a'", "[1] 2",
                               "\"\xff\"", "1e999", "{\"a\" 1}", "tru", "\"\n\""}) {
    INFO(bad);
    CHECK(!problem_of(bad).empty());
  }
  CHECK(problem_of(R"({"a": 1, "b": 2, "a": 3})") == "JSON key 'a' occurs twice in one object");
}

TEST_CASE("depth is bounded") {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(problem_of(nested(255)).empty());
  CHECK(!problem_of(nested(257)).empty());
  CHECK(!problem_of(nested(1000000)).empty());
}

TEST_CASE("a reader says where something is wrong") {
  Json json = parsed(R"({"lir": {"size": 3, "dims": [1, "x"], "nan": "nan"}, "none": null})");
  JsonReader root(json, "meta");
  auto lir = root.get("lir");
  REQUIRE(lir.ok());
  CHECK(*lir->integer("size") == 3);
  CHECK(std::isnan(*lir->number("nan")));
  CHECK(!root.maybe("none"));
  CHECK(!root.maybe("absent"));
  auto message = [](auto result) { return result.error().first().message; };
  CHECK(message(lir->string("size")) == "meta.lir.size: expected a string, found an integer");
  CHECK(message(lir->integer("digest")) == "meta.lir: 'digest' is missing");
  CHECK(message(lir->get("dims")->integers()) ==
        "meta.lir.dims[1]: expected an integer, found a string");
  CHECK(message(root.items()) == "meta: expected an array, found an object");
}

}  // namespace
}  // namespace rlx
