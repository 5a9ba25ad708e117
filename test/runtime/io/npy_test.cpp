#include "runtime/io/npy.h"

#include <catch2/catch.hpp>
#include <limits>

#include "test/runtime/io/numpy_files.h"

namespace rlx {
namespace {

using test::from_hex;

Result<HostTensor> parse(const std::string& file) { return parse_npy(bytes_of(file), "x"); }

template <class T>
HostTensor tensor(DType dtype, Vec<int64_t> shape, const Vec<T>& elements) {
  return {.name = "x",
          .dtype = dtype,
          .shape = std::move(shape),
          .data = AlignedBytes(std::as_bytes(std::span(elements)))};
}

std::string file_of(const HostTensor& t) {
  return npy_header(t) + std::string(reinterpret_cast<const char*>(t.data.data()), t.data.size());
}

// A file of version 1 with that header.
std::string with_header(std::string_view header, std::string_view elements) {
  std::string file("\x93NUMPY\1\0", 8);
  file += static_cast<char>(header.size());
  file += '\0';
  return file.append(header).append(elements);
}

TEST_CASE("numpy's files read") {
  CHECK(*parse(from_hex(test::kFortranF32)) ==
        tensor<float>(DType::kF32, {2, 3}, {0, 1, 2, 3, 4, 5}));
  CHECK(*parse(from_hex(test::kScalarBool)) == tensor<uint8_t>(DType::kBool, {}, {1}));
}

TEST_CASE("big-endian numbers and text are refused by name") {
  for (std::string_view hex : {test::kBigEndian, test::kText}) {
    auto t = parse(from_hex(hex));
    REQUIRE(!t.ok());
    CHECK(t.error().first().code == 5011);
    CHECK(t.error().exit_code() == 5);
  }
}

TEST_CASE("every element type reads back as it was written") {
  for (DType dtype : all_dtypes()) {
    if (dtype == DType::kString || is_sub_byte(dtype)) continue;
    for (const Vec<int64_t>& shape : {Vec<int64_t>{}, {3}, {2, 0, 4}, {2, 1, 3}}) {
      HostTensor t{.name = "x", .dtype = dtype, .shape = shape};
      t.data = AlignedBytes(tensor_bytes(dtype, shape).value());
      for (size_t b = 0; b < t.data.size(); ++b) t.data.data()[b] = static_cast<std::byte>(b % 2);
      CAPTURE(name(dtype), shape);
      CHECK(npy_header(t).size() % 64 == 0);
      CHECK(*parse(file_of(t)) == t);
    }
  }
}

TEST_CASE("data starts where vectors like it") {
  auto t = parse(from_hex(test::kFortranF32));
  CHECK(reinterpret_cast<uintptr_t>(t->data.data()) % AlignedBytes::kAlignment == 0);
}

TEST_CASE("a cut file is an error wherever the cut is") {
  std::string file = from_hex(test::kFortranF32);
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK(!parse(file.substr(0, size)).ok());
  }
  CHECK(!parse(file + "x").ok());
}

TEST_CASE("odd headers") {
  std::string_view good = "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }";
  CHECK(parse(with_header(good, "1234")).ok());
  CHECK(
      parse(with_header("{\"shape\":(1),\"fortran_order\":True,\"descr\":\"<i4\"}", "1234")).ok());
  for (std::string_view bad : {
           "",
           "{}",
           "{'descr': '<i4'}",
           "{'descr': '<i4', 'fortran_order': False, 'shape': (1,)",
           "{'descr': '<i4', 'fortran_order': False, 'shape': (-1,)}",
           "{'descr': '<i4', 'fortran_order': False, 'shape': (1 2)}",
           "{'descr': '<i4', 'fortran_order': maybe, 'shape': (1,)}",
           "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
           "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
           "{'descr': '<i4', 'fortran_order': True, 'shape': (4611686018427387904, 4, 0)}",
       }) {
    CAPTURE(bad);
    CHECK(!parse(with_header(bad, "1234")).ok());
  }
}

TEST_CASE("a bool is 0 or 1") {
  std::string_view header = "{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}";
  CHECK(parse(with_header(header, "\1")).ok());
  CHECK(parse(with_header(header, "\2")).error().first().code == 5010);
}

TEST_CASE("sizes of tensors") {
  CHECK(tensor_bytes(DType::kF32, {2, 3}) == 24U);
  CHECK(tensor_bytes(DType::kF32, {2, 0, 3}) == 0U);
  CHECK(!tensor_bytes(DType::kF32, {-1}));
  CHECK(!tensor_bytes(DType::kString, {1}));
  CHECK(!tensor_bytes(DType::kI8, {std::numeric_limits<int64_t>::max()}));
  CHECK(!tensor_bytes(DType::kI8, {int64_t{1} << 32, int64_t{1} << 32, 0}));
}

}  // namespace
}  // namespace rlx
