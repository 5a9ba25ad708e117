#include "kernel/border.h"

#include <catch2/catch.hpp>
#include <functional>

namespace rlx {
namespace {

// By element of the storage: how often the border has it.
Vec<int> marks_of(const Vec<BorderRun>& border, int64_t elements) {
  Vec<int> marks(static_cast<size_t>(elements));
  for (const BorderRun& run : border) {
    std::function<void(size_t, int64_t)> mark = [&](size_t repeat, int64_t offset) {
      if (repeat == run.repeats.size()) {
        for (int64_t i = 0; i < run.elements; ++i) ++marks.at(static_cast<size_t>(offset + i));
        return;
      }
      const auto [count, step] = run.repeats[repeat];
      for (int64_t i = 0; i < count; ++i) mark(repeat + 1, offset + i * step);
    };
    mark(0, run.offset);
  }
  return marks;
}

// The border and the elements of the tensor are all of the storage, each element once.
void check(std::string_view text, const Vec<int64_t>& shape) {
  INFO(text);
  const auto s = parse_storage(text, static_cast<int>(shape.size()), DType::kF32);
  REQUIRE(s.ok());
  const Vec<Dim> dims(shape.begin(), shape.end());
  const int64_t all = storage_elements(*s, dims).constant().value();
  const Vec<BorderRun> border = border_of(*s, dims);
  Vec<int> marks = marks_of(border, all);
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  CHECK(elements_of(border) == all - elements);
  for (int64_t i = 0; i < elements; ++i) {
    Vec<Dim> index(shape.size());
    int64_t rest = i;
    for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) {
      index[axis] = rest % shape[axis];
    }
    ++marks.at(static_cast<size_t>(storage_offset(*s, dims, index).constant().value()));
  }
  CHECK(marks == Vec<int>(static_cast<size_t>(all), 1));
}

}  // namespace

TEST_CASE("a border is what no element is in") {
  check("[0, 2, 3, 1] pad {2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0", {2, 4, 3, 5});
  check("[0, 2, 3, 1] pad {1: to 8, 2: lo 0 hi 1, 3: lo 2 hi 3} fill 0.0", {1, 5, 3, 2});
  check("[0, 1, 2, 3] pad {2: lo 3, 3: hi 2} fill -inf", {2, 3, 4, 5});
  check("[0, 1/4, 2, 3, 1%4] pad {2: lo 1 hi 1, 3: lo 1 hi 1} fill 0.0", {2, 8, 3, 5});
  check("[0, 1] pad {1: hi 16} fill 0.0", {7, 16});
  check("[0, 1] pad {0: lo 1 hi 1} fill 0.0", {1, 1});
}

TEST_CASE(
    "there is no border where nothing is padded, and none that can be told of divided axes or "
    "symbols") {
  const auto border = [](std::string_view text, const Vec<Dim>& shape) {
    return border_of(*parse_storage(text, static_cast<int>(shape.size()), DType::kF32), shape);
  };
  CHECK(border("row_major", {2, 3}).empty());
  CHECK(border("[0, 1] pad {1: to 8} fill 0.0", {2, 16}).empty());
  CHECK(border("[0, 1/16, 1%16] pad {1: to 16} fill 0.0", {2, 24}).empty());
  CHECK(border("[0, 1] pad {1: hi 1} fill 0.0", {Dim::symbol("n"), 3}).empty());
}

}  // namespace rlx
