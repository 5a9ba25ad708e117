// Lists of dims, and what is wrong with them.
#include "driver/dim_lists.h"

#include <catch2/catch.hpp>

#include "driver/codes.h"

namespace rlx::driver {
namespace {

Vec<int64_t> values_of(const std::string& text) {
  auto lists = parse_dim_lists({text});
  REQUIRE(lists.ok());
  return (*lists)[0].values;
}

std::string fault_of(const std::vector<std::string>& texts) {
  auto lists = parse_dim_lists(texts);
  if (lists) return "";
  CHECK(lists.error().first().code == kBadDimList);
  return lists.error().first().message;
}

TEST_CASE("a list has numbers and ranges") {
  CHECK(values_of("n=7") == Vec<int64_t>{7});
  CHECK(values_of("n=4,2") == Vec<int64_t>{4, 2});
  CHECK(values_of("n=16..100:*2") == Vec<int64_t>{16, 32, 64});
  CHECK(values_of("n=0..128:+64") == Vec<int64_t>{0, 64, 128});
  CHECK(values_of("n=5..5:*3") == Vec<int64_t>{5});
  CHECK(values_of("n=1,8..32:*4,3") == Vec<int64_t>{1, 8, 32, 3});
  // Ends where the next value would not be a number of 64 bits.
  CHECK(values_of("n=4611686018427387904..9223372036854775807:*2").size() == 1);
  CHECK(values_of("n=9223372036854775806..9223372036854775807:+9").size() == 1);
}

TEST_CASE("what is no list is told") {
  CHECK(fault_of({"n"}) == "--dim takes NAME=POINTS, got n");
  CHECK(fault_of({"=1"}) == "--dim takes NAME=POINTS, got =1");
  CHECK(fault_of({"n="}) == "--dim takes NAME=NUMBER,...: \"\" is none, got n=");
  CHECK(fault_of({"n=1..:*2"}) == "1..:*2 is no range, got n=1..:*2");
  CHECK(fault_of({"n=1..4:"}) == "1..4: is no range, got n=1..4:");
  CHECK(fault_of({"n=1:2..4"}) == "1:2..4 is no range, got n=1:2..4");
  CHECK(fault_of({"n=-4..-1:*2"}) == "the step of -4..-1:*2 does not grow, got n=-4..-1:*2");
  CHECK(fault_of({"n=1", "m=2", "n=1"}) == "--dim n is given twice");
}

TEST_CASE("combinations are a cross product, the last dim fastest") {
  const Vec<DimList> lists{{"a", {1, 2}}, {"b", {3, 4}}};
  auto all = combinations(lists, 4);
  REQUIRE(all);
  REQUIRE(all->size() == 4);
  CHECK((*all)[1] == Dims{{"a", 1}, {"b", 4}});
  CHECK((*all)[2] == Dims{{"a", 2}, {"b", 3}});
  CHECK_FALSE(combinations(lists, 3));
  CHECK(combinations({}, 1)->size() == 1);
  // Their number saturates.
  Vec<DimList> many;
  for (int i = 0; i < 64; ++i) many.push_back({std::to_string(i), {1, 2, 3}});
  CHECK_FALSE(combinations(many, 1000));
}

}  // namespace
}  // namespace rlx::driver
