#include "op/shared/reindex.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

// The index into `in` for the element at (i0, i1, ...) of `out`.
std::string index_text(const char* in, const char* out) {
  const auto shape = [](const char* text) {
    Vec<Dim> dims;
    std::string rest = text;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      dims.push_back(*parse_dim(rest.substr(0, end)));
      rest.erase(0, end + 1);
    }
    return dims;
  };
  const Vec<Dim> extents = shape(out);
  Vec<Dim> at;
  for (size_t i = 0; i < extents.size(); ++i) at.push_back(Dim::loop(LoopId(i)));
  const RangeOf range = [&](const Atom& a) -> DimRange {
    if (a.kind == Atom::Kind::kLoop) return {.lo = 0, .hi = extents[a.loop.index] - 1};
    return {.lo = 1};
  };
  return to_text(reshape_index(shape(in), extents, at, range));
}

}  // namespace

TEST_CASE("reshapes map group by group") {
  CHECK(index_text("2 3", "2 3") == "[i0, i1]");
  CHECK(index_text("b s 768", "b s 12 64") == "[i0, i1, i2 * 64 + i3]");
  CHECK(index_text("b s 12 64", "b s 768") == "[i0, i1, i2 floordiv 64, i2 mod 64]");
  CHECK(index_text("b 12 s 64", "b*12 s 64") == "[i0 floordiv 12, i0 mod 12, i1, i2]");
  CHECK(index_text("b*12 s 64", "b 12 s 64") == "[i0 * 12 + i1, i2, i3]");
  CHECK(index_text("b s 8", "b*s 8") == "[i0 floordiv s, i0 mod s, i1]");
}

TEST_CASE("axes of extent 1 are no obstacle") {
  CHECK(index_text("b 1 64", "b 64") == "[i0, 0, i1]");
  CHECK(index_text("b 64", "1 b 1 64") == "[i1, i3]");
  CHECK(index_text("1 1", "1") == "[0, 0]");
  CHECK(index_text("1", "") == "[0]");
  CHECK(index_text("b s", "b 1 1 s") == "[i0, i3]");
}

TEST_CASE("products that do not match go through one index") {
  CHECK(index_text("6 4", "8 3") == "[(i0 * 3 + i1) floordiv 4, (i0 * 3 + i1) mod 4]");
}

TEST_CASE("empty tensors have an index that nobody uses") {
  CHECK(index_text("0 3", "0 7") == "[0, 0]");
}

}  // namespace rlx
