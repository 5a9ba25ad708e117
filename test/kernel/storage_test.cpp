#include "kernel/storage.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "kernel/half.h"
#include "kernel/interpreter.h"

namespace rlx {
namespace {

Storage storage(std::string_view text, int rank, DType dtype = DType::kF32) {
  auto s = parse_storage(text, rank, dtype);
  INFO(text);
  if (!s) FAIL(to_text(s.error()));
  return *s;
}

int64_t offset(const Storage& s, const Vec<Dim>& shape, const Vec<Dim>& index) {
  return storage_offset(s, shape, index).constant().value();
}

}  // namespace

TEST_CASE("16-bit floats convert exactly and round to even") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float f = from_f16(half), b = from_bf16(half);
    if (std::isnan(f)) {
      CHECK(std::isnan(from_f16(to_f16(f))));
    } else {
      REQUIRE(to_f16(f) == half);
    }
    if (std::isnan(b)) {
      CHECK(std::isnan(from_bf16(to_bf16(b))));
    } else {
      REQUIRE(to_bf16(b) == half);
    }
  }
  CHECK(to_f16(65519.99F) == 0x7BFF);
  CHECK(to_f16(65520.0F) == 0x7C00);
  CHECK(to_f16(0x1p-25F) == 0);
  CHECK(to_f16(0x1.8p-25F) == 1);
  CHECK(to_f16(1 + 0x1p-11F) == 0x3C00);
  CHECK(to_f16(1 + 0x1.8p-10F) == 0x3C02);
  CHECK(to_bf16(1 + 0x1p-8F) == 0x3F80);
  CHECK(to_bf16(std::numeric_limits<float>::max()) == 0x7F80);
}

TEST_CASE("scalars are of their dtype") {
  CHECK(Scalar::of(DType::kF32, 0.1).f == static_cast<double>(0.1F));
  CHECK(Scalar::of(DType::kF16, 1.0 + 0x1p-12).f == 1.0);
  CHECK(Scalar::of(DType::kI8, 300.0).i == 127);
  CHECK(Scalar::of(DType::kU8, -1.0).i == 0);
  CHECK(Scalar::of(DType::kI64, INFINITY).i == INT64_MAX);
  CHECK(Scalar::of(DType::kI32, NAN).i == 0);
  CHECK(Scalar::of(DType::kBool, 0.5).i == 1);
  CHECK(Scalar::of_int(DType::kI8, 300).i == 44);
  CHECK(Scalar::of_int(DType::kF32, 3).f == 3.0);
}

TEST_CASE("scalars compare by bits") {
  CHECK(Scalar::of(DType::kF32, NAN) == Scalar::of(DType::kF32, -NAN));
  CHECK_FALSE(Scalar::of(DType::kF32, 0.0) == Scalar::of(DType::kF32, -0.0));
  CHECK_FALSE(Scalar::of(DType::kF32, 1.0) == Scalar::of(DType::kF64, 1.0));
}

TEST_CASE("scalars go through memory and text") {
  auto round = [](Scalar s) {
    std::byte memory[8];
    to_bytes(s, memory);
    CHECK(scalar_at(s.dtype, memory) == s);
    std::string text = to_text(s);
    Cursor in(text);
    auto read = parse_scalar(in, s.dtype);
    INFO(text);
    REQUIRE(read.ok());
    CHECK(*read == s);
    return text;
  };
  CHECK(round(Scalar::of(DType::kF32, 0.1)) == "0.1");
  CHECK(round(Scalar::of(DType::kF64, 0.1)) == "0.1");
  CHECK(round(Scalar::of(DType::kF32, -INFINITY)) == "-inf");
  CHECK(round(Scalar::of(DType::kF32, NAN)) == "nan");
  CHECK(round(Scalar::of(DType::kF32, -0.0)) == "-0.0");
  CHECK(round(Scalar::of(DType::kBF16, 3.0)) == "3.0");
  CHECK(round(Scalar::of_int(DType::kU64, -1)) == "18446744073709551615");
  CHECK(round(Scalar::of_int(DType::kI64, INT64_MIN)) == "-9223372036854775808");
  CHECK(round(Scalar::of_int(DType::kBool, 2)) == "true");
  Cursor wrong("300");
  CHECK_FALSE(parse_scalar(wrong, DType::kI8).ok());
}

TEST_CASE("row-major storage") {
  Storage s = Storage::row_major(3);
  CHECK(s.is_row_major());
  CHECK(verify(s, 3).ok());
  CHECK(to_text(s) == "row_major");
  Vec<Dim> shape{2, 3, 4};
  CHECK(offset(s, shape, {1, 2, 3}) == 23);
  CHECK(storage_elements(s, shape).is(24));
  CHECK(physical_strides(s, shape) == Vec<Dim>{12, 4, 1});
  CHECK(storage_elements(Storage::row_major(0), {}).is(1));
}

TEST_CASE("symbolic strides") {
  Vec<Dim> shape{Dim::symbol("n"), 3, Dim::symbol("w")};
  Dim w = Dim::symbol("w");
  CHECK(physical_strides(Storage::row_major(3), shape) == Vec<Dim>{w * 3, w, 1});
}

TEST_CASE("channels last with halo and padded channels") {
  Storage s = storage("[0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1, 3: lo 1 hi 2} fill 0.0", 4);
  Vec<Dim> shape{2, 5, 8, 9};
  CHECK(padded_extent(s, shape, 1).is(16));
  CHECK(physical_extents(s, shape) == Vec<Dim>{2, 10, 12, 16});
  CHECK(storage_elements(s, shape).is(2 * 10 * 12 * 16));
  CHECK(offset(s, shape, {1, 4, 0, 0}) == 1920 + 192 + 16 + 4);
  CHECK(offset(s, shape, {0, 0, -1, -1}) == 0);
}

TEST_CASE("panels of 16 columns") {
  Storage s = storage("[1/16, 0, 1%16] pad {1: to 16}", 2);
  Vec<Dim> shape{7, 40};
  CHECK(physical_extents(s, shape) == Vec<Dim>{3, 7, 16});
  CHECK(offset(s, shape, {3, 37}) == 2 * 112 + 3 * 16 + 5);
}

TEST_CASE("every element has a place of its own") {
  for (auto text : {"row_major", "[1, 0]", "[1/16, 0, 1%16] pad {1: to 16}",
                    "[0/4, 1/2, 0/2%2, 1%2, 0%2] pad {0: lo 1 to 4, 1: lo 2 hi 3 to 2}"}) {
    Storage s = storage(text, 2);
    Vec<Dim> shape{6, 19};
    std::set<int64_t> places;
    for (int i = 0; i < 6; ++i) {
      for (int j = 0; j < 19; ++j) places.insert(offset(s, shape, {i, j}));
    }
    INFO(text);
    CHECK(places.size() == 6 * 19);
    CHECK(*places.begin() >= 0);
    CHECK(*places.rbegin() < storage_elements(s, shape).constant());
  }
}

TEST_CASE("storage text reads back") {
  for (auto text : {"row_major", "[1, 0]", "row_major fill 0.0", "[0, 1] pad {0: lo 1 hi 2 to 8}",
                    "[1/16, 0, 1%16] pad {1: to 16} fill -inf", "[0, 1/8, 1/2%4, 1%2]"}) {
    CHECK(to_text(storage(text, 2)) == text);
  }
  CHECK(to_text(storage("[]", 0)) == "row_major");
}

TEST_CASE("a form has more elements, and does not give its own back") {
  const Storage s = storage("[0/16, 2, 3, 1, 0%16] pad {0: to 16} fill 0.0 form winograd4", 4);
  CHECK(s.form == Form::kWinograd4);
  CHECK(to_text(s) == "[0/16, 2, 3, 1, 0%16] pad {0: to 16} fill 0.0 form winograd4");
  CHECK(storage_elements(s, {20, 8, 3, 3}) == Dim(32 * 8 * 36));
  CHECK_FALSE(parse_storage("row_major form other", 4, DType::kF32).ok());
  Storage plain = s;
  plain.form = Form::kElements;
  CHECK_FALSE(satisfies(s, plain));
  CHECK_FALSE(satisfies(plain, s));
  CHECK_FALSE(storage("row_major form winograd2", 4).is_row_major());
  CHECK_FALSE(storage("row_major form winograd2", 4).is_plain());
  CHECK(can_take(Form::kWinograd2, DType::kF32, {1, 1, 3, 3}));
  CHECK_FALSE(can_take(Form::kWinograd2, DType::kF64, {1, 1, 3, 3}));
  CHECK_FALSE(can_take(Form::kWinograd2, DType::kF32, {1, 1, 3, 1}));
  CHECK_FALSE(can_take(Form::kWinograd2, DType::kF32, {1, 3, 3}));
}

TEST_CASE("unsound storages are refused") {
  for (auto text : {"[0]", "[0, 0, 1]", "[0, 2]", "[1/16, 0, 1%8]", "[1/8, 0, 1%16]", "[0, 1/16]",
                    "[0/0, 1]", "[0, 1] pad {0: lo -1}", "[0, 1] pad {2: lo 1}",
                    "[0, 1] pad {0: to 0}", "[0, 1] fill x", "row_major twice", "[0, 1", "[0%4, 1]",
                    "[0/9223372036854775807, 0%9223372036854775807, 1, 0/3]"}) {
    INFO(text);
    CHECK_FALSE(parse_storage(text, 2, DType::kF32).ok());
  }
}

// ---- Boxes ------------------------------------------------------------------------------------

namespace {

DimRange at_least_0(const Atom& /*atom*/) { return {}; }

Dim dim(std::string_view text) { return *parse_dim(text); }

}  // namespace

TEST_CASE("elements of 4 bits are packed by themselves") {
  // Three rows of three; the last byte has one element.
  const Vec<std::byte> dense = {std::byte{0x21}, std::byte{0x43}, std::byte{0x65}, std::byte{0x87},
                                std::byte{0x09}};
  const Storage panels = storage("[1/2, 0, 1%2] pad {1: to 2} fill 0", 2, DType::kU4);
  Vec<std::byte> packed(6, std::byte{0xFF}), back(5);
  REQUIRE(pack(dense, packed, DType::kU4, {3, 3}, panels));
  CHECK(packed == Vec<std::byte>{std::byte{0x21}, std::byte{0x54}, std::byte{0x87}, std::byte{0x03},
                                 std::byte{0x06}, std::byte{0x09}});
  REQUIRE(unpack(packed, back, DType::kU4, {3, 3}, panels));
  CHECK(back == dense);
  CHECK(element_at(DType::kU4, dense.data(), 7).i == 8);
  CHECK(element_at(DType::kI4, dense.data(), 7).i == -8);
}

TEST_CASE("a box is inside where its end is shown to be") {
  const Vec<Dim> outer = {8, dim("n + m")};
  CHECK(is_inside({{0, dim("n")}, {8, dim("m")}}, outer, at_least_0));
  CHECK(is_inside({{3, 0}, {5, dim("n")}}, outer, at_least_0));
  CHECK_FALSE(is_inside({{3, 0}, {6, dim("n")}}, outer, at_least_0));
  CHECK_FALSE(is_inside({{-1, 0}, {5, dim("n")}}, outer, at_least_0));
  CHECK_FALSE(is_inside({{0, dim("m")}, {8, dim("m")}}, outer, at_least_0));
  CHECK_FALSE(is_inside({{0, dim("n - 1")}, {8, dim("m")}}, outer, at_least_0));
}

TEST_CASE("boxes are disjoint where one is shown to end before the other") {
  const Box first{{0, 0}, {4, dim("n")}};
  CHECK(are_disjoint(first, {{0, dim("n")}, {4, 1}}, at_least_0));
  CHECK(are_disjoint({{0, dim("n + m")}, {4, 1}}, first, at_least_0));
  CHECK(are_disjoint(first, {{4, 0}, {1, 1}}, at_least_0));
  CHECK_FALSE(are_disjoint(first, {{3, 0}, {1, 1}}, at_least_0));
  CHECK_FALSE(are_disjoint(first, {{0, dim("m")}, {4, 1}}, at_least_0));
  CHECK_FALSE(are_disjoint(first, {{0, dim("n - 1")}, {4, 1}}, at_least_0));
  CHECK_FALSE(are_disjoint({{}, {}}, {{}, {}}, at_least_0));
}

TEST_CASE("a box has the padding of the axes that it spans") {
  const Vec<Dim> outer = {2, 8, dim("n")};
  const Storage s = storage("[0, 2, 1] pad {1: to 16, 2: lo 1 hi 2} fill 0.0", 3);
  CHECK(storage_of({{0, 0, 0}, outer}, s, outer) == s);
  CHECK(storage_of({{1, 0, 0}, {1, 8, dim("n")}}, s, outer) == s);
  CHECK(storage_of({{0, 4, 0}, {2, 4, dim("n")}}, s, outer) ==
        storage("[0, 2, 1] pad {2: lo 1 hi 2} fill 0.0", 3));
  CHECK(storage_of({{0, 4, 0}, {2, 4, 1}}, s, outer) == storage("[0, 2, 1]", 3));
  // As long as the tensor, but not at its beginning.
  CHECK(storage_of({{0, 0, 1}, outer}, s, outer) ==
        storage("[0, 2, 1] pad {1: to 16} fill 0.0", 3));
}

}  // namespace rlx
