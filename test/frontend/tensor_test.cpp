#include "frontend/onnx/tensor.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "frontend/codes.h"
#include "frontend/onnx/tensor_file.h"
#include "test/frontend/onnx_writer.h"

namespace rlx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the words of this file

Result<Constant> read(const Message& message, const std::string& folder = "") {
  // In a sequence it is a tensor, whatever it lacks.
  const Message sequence = Message().number(2, 1).add(3, message);
  auto keeper = std::make_shared<const std::string>(sequence.bytes);
  auto proto = onnx::parse_value(*keeper);
  if (!proto.ok()) return std::move(proto.error());
  return onnx::Tensors(*keeper, keeper, folder).constant(*proto->elements[0].tensor);
}

int code(const Result<Constant>& c) { return c.ok() ? 0 : c.error().first().code; }

std::string bytes(const Constant& c) {
  return {reinterpret_cast<const char*>(c.data.bytes().data()), c.data.bytes().size()};
}

TEST_CASE("typed data of each kind is decoded") {
  auto text = [](const Message& m) {
    auto c = read(m);
    REQUIRE(c.ok());
    return bytes(*c);
  };
  CHECK(text(tensor("t", kInt64, {2}).packed(7, {1, -1})) ==
        std::string("\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16));
  CHECK(text(tensor("t", kInt64, {2}).number(7, 1).number(7, 2)) ==
        std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16));
  CHECK(text(tensor("t", kInt32, {1}).packed(5, {-2})) == std::string("\xfe\xff\xff\xff", 4));
  CHECK(text(tensor("t", kInt8, {2}).packed(5, {-2, 3})) == "\xfe\3");
  CHECK(text(tensor("t", 22, {3}).packed(5, {0x2f, 0x08})) == "\x2f\x08");
  CHECK(text(tensor("t", kHalf, {1}).packed(5, {0x3c00})) == std::string("\0\x3c", 2));
  CHECK(text(tensor("t", kBool, {3}).packed(5, {1, 0, 1})) == std::string("\1\0\1", 3));
  CHECK(text(tensor("t", kFloat, {1}).real(4, 1)) == std::string("\0\0\x80\x3f", 4));
  CHECK(text(tensor("t", kFloat, {}).text(4, "1234")) == "1234");
  CHECK(text(tensor("t", kFloat, {2, 0})).empty());
}

TEST_CASE("data that does not fit type and shape is refused") {
  CHECK(code(read(raw_tensor("t", kFloat, {2}, "1234567"))) == kInvalidTensor);
  CHECK(code(read(tensor("t", kInt64, {2}).packed(7, {1}))) == kInvalidTensor);
  CHECK(code(read(tensor("t", kFloat, {2}).packed(7, {1, 2}))) == kInvalidTensor);
  CHECK(code(read(raw_tensor("t", kFloat, {-1}, ""))) == kInvalidTensor);
  CHECK(code(read(raw_tensor("t", kFloat, {int64_t{1} << 40, int64_t{1} << 40}, ""))) ==
        kInvalidTensor);
  CHECK(code(read(raw_tensor("t", kBool, {1}, "\2"))) == kInvalidTensor);
  CHECK(code(read(raw_tensor("t", kString, {1}, "a"))) == kUnsupportedType);
  CHECK(code(read(raw_tensor("t", 17, {1}, "a"))) == kUnsupportedType);
  CHECK(code(read(raw_tensor("t", 1000, {1}, "a"))) == kUnsupportedType);
}

// ---- External data ----------------------------------------------------------------------------

Message entry(std::string_view key, std::string_view value) {
  return Message().text(1, key).text(2, value);
}

Message external(std::string_view location, std::string_view offset = "0") {
  return tensor("t", kUint8, {4})
      .number(14, 1)
      .add(13, entry("location", location))
      .add(13, entry("offset", offset));
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "rlx-onnx-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    REQUIRE(write_file(path + "/data.bin", bytes_of("abcdefgh")).ok());
  }
  ~Folder() { std::filesystem::remove_all(path); }

  std::string path;
};

TEST_CASE("external data is mapped from the model's folder") {
  Folder folder;
  CHECK(bytes(*read(external("data.bin"), folder.path)) == "abcd");
  CHECK(bytes(*read(external("./data.bin", "4"), folder.path)) == "efgh");
  CHECK(bytes(*read(external("data.bin", "2").add(13, entry("length", "4")), folder.path)) ==
        "cdef");
}

TEST_CASE("external data outside the folder, too short or oddly given is refused") {
  Folder folder;
  for (const char* location :
       {"", "/etc/passwd", "../data.bin", "a/../../data.bin", "..", "none.bin", "."}) {
    CAPTURE(location);
    CHECK(code(read(external(location), folder.path)) == kExternalData);
  }
  for (const char* offset : {"5", "-1", "x", "", "18446744073709551615", "99999999999999999999"}) {
    CAPTURE(offset);
    CHECK(code(read(external("data.bin", offset), folder.path)) == kExternalData);
  }
  CHECK(code(read(external("data.bin").add(13, entry("length", "3")), folder.path)) ==
        kExternalData);
  CHECK(code(read(external("data.bin"))) == kExternalData);
}

TEST_CASE("a tensor in a file of its own") {
  Folder folder;
  std::string path = folder.path + "/input_0.pb";
  REQUIRE(write_file(path, bytes_of(raw_tensor("x", kInt32, {1}, "1234").bytes)).ok());
  auto file = onnx::read_tensor_file(path);
  REQUIRE(file.ok());
  REQUIRE(file->size() == 1);
  CHECK(file->front().label.empty());
  CHECK(file->front().tensor->shape == Vec<int64_t>{1});
  REQUIRE(write_file(path, bytes_of("\x0a\xff")).ok());
  CHECK(onnx::read_tensor_file(path).error().first().code == kBrokenFile);
}

// "LABEL rank", or "LABEL" of an empty list.
Vec<std::string> held(const Folder& folder, const Message& value) {
  const std::string path = folder.path + "/value.pb";
  REQUIRE(write_file(path, bytes_of(value.bytes)).ok());
  auto file = onnx::read_tensor_file(path);
  REQUIRE(file.ok());
  Vec<std::string> out;
  for (const onnx::TensorFile& t : *file) {
    out.push_back(t.label);
    if (t.tensor) out.back() += " " + std::to_string(t.tensor->shape.size());
  }
  return out;
}

TEST_CASE("a sequence or an optional in a file of its own") {
  using Labels = Vec<std::string>;
  Folder folder;
  const Message row = raw_tensor("", kInt32, {1}, "1234"), one = raw_tensor("", kInt32, {}, "1234");
  const Message none = Message().text(1, "s").number(2, 1);
  const Message two = Message().text(1, "s").number(2, 1).add(3, row).add(3, one);
  CHECK(held(folder, none) == Labels{"[]"});
  CHECK(held(folder, two) == Labels{".0 1", ".1 0"});
  CHECK(held(folder, Message().text(1, "o").number(2, 3).add(5, two)) ==
        Labels{".0.0 1", ".0.1 0"});
  CHECK(held(folder, Message().number(2, 3).add(5, none)) == Labels{".0[]"});
  CHECK(held(folder, Message()) == Labels{"[]"});
  // Tensors of i8, the number of which is also that of sequences.
  CHECK(held(folder, Message().number(2, kInt8).packed(5, {7})) == Labels{" 0"});
  CHECK(held(folder, Message().number(2, kInt8).packed(5, {-7})) == Labels{" 0"});
  CHECK(held(folder, Message().number(1, 2).number(2, kInt8).packed(5, {16, 1})) == Labels{" 1"});
  CHECK(held(folder, Message().number(1, 0).number(2, kInt32)) == Labels{" 1"});
}

TEST_CASE("sizes in bytes") {
  CHECK(byte_size(DType::kF64, {3, 2}) == 48);
  CHECK(byte_size(DType::kF64, {3, 0}) == 0);
  CHECK(!byte_size(DType::kF64, {0, int64_t{1} << 62}));
}

}  // namespace
}  // namespace rlx
