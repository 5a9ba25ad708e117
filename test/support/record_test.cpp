#include "support/record.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/dtype.h"

namespace rlx {
namespace {

enum class Mode { kNearest, kLinear };

// One member of every type that attributes of operators have, and as many as there may be.
struct Every {
  [[maybe_unused]] static constexpr std::string_view name = "not a member";

  int64_t axis = -1;
  float epsilon = 1e-5F;
  double exact = 1;
  bool keep = true;
  DType to = DType::kF32;
  std::string equation = "ij";
  std::vector<int64_t> pads = {1, 2};
  std::vector<float> scales = {};
  std::vector<std::string> labels = {};
  std::optional<int64_t> group = {};
  std::optional<float> alpha = {};
  std::optional<std::string> text = {};
  std::optional<std::vector<int64_t>> shape = {};
  std::optional<DType> out_dtype = {};
  Mode mode = Mode::kNearest;
  std::array<int64_t, 2> pair = {};
};

struct Nothing {};

template <class T>
std::string names_of(T&& record) {
  std::string names;
  each_member(record, [&](std::string_view name, auto&) { (names += name) += ' '; });
  return names;
}

TEST_CASE("members are named in order") {
  CHECK(names_of(Every{}) ==
        "axis epsilon exact keep to equation pads scales labels group alpha text shape out_dtype "
        "mode pair ");
  CHECK(names_of(Nothing{}).empty());
  const Every fixed;
  CHECK(names_of(fixed) == names_of(Every{}));
}

TEST_CASE("records declared in a function have names too") {
  struct Local {
    int64_t only = 1;
  };
  CHECK(names_of(Local{}) == "only ");
}

TEST_CASE("members can be set") {
  struct Pair {
    int64_t x = 1;
    int64_t y = 2;
  } pair;
  each_member(pair, [](std::string_view, int64_t& member) { member *= 10; });
  CHECK(pair.x == 10);
  CHECK(pair.y == 20);
}

TEST_CASE("equality sees every member") {
  Every x, y;
  CHECK(equal_members(x, y));
  y.shape = std::vector<int64_t>{};
  CHECK(!equal_members(x, y));
  y = x;
  y.pair[1] = 1;
  CHECK(!equal_members(x, y));
  CHECK(equal_members(Nothing{}, Nothing{}));
}

}  // namespace
}  // namespace rlx
