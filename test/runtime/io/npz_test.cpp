#include "runtime/io/npz.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "runtime/io/npy.h"
#include "runtime/io/zip.h"
#include "test/runtime/io/numpy_files.h"

namespace rlx {
namespace {

using test::from_hex;

Result<Vec<HostTensor>> parse_archive(const std::string& file) {
  return parse_npz(bytes_of(file), "t.npz");
}

template <class T>
HostTensor named_tensor(std::string name, DType dtype, Vec<int64_t> shape, const Vec<T>& elements) {
  return {.name = std::move(name),
          .dtype = dtype,
          .shape = std::move(shape),
          .data = AlignedBytes(std::as_bytes(std::span(elements)))};
}

TEST_CASE("numpy's stored archives read") {
  Vec<HostTensor> want = {named_tensor<int64_t>("x", DType::kI64, {2}, {1, -2}),
                          named_tensor<uint16_t>("y", DType::kF16, {}, {0x3e00})};
  CHECK(*parse_archive(from_hex(test::kStored)) == want);
}

TEST_CASE("numpy's deflated archives read") {
  Vec<HostTensor> want = {named_tensor<uint8_t>("zeros", DType::kU8, {1000}, Vec<uint8_t>(1000)),
                          named_tensor<double>("a/b", DType::kF64, {1}, {0.5})};
  CHECK(*parse_archive(from_hex(test::kDeflated)) == want);
}

TEST_CASE("what is written reads back, and is the same each time") {
  Vec<HostTensor> tensors = {named_tensor<float>("logits", DType::kF32, {2, 1}, {1, 2}),
                             named_tensor<float>("", DType::kF32, {0}, {}),
                             named_tensor<uint8_t>("deep/name:0", DType::kBool, {}, {1})};
  std::string file = to_npz(tensors);
  CHECK(*parse_archive(file) == tensors);
  CHECK(to_npz(tensors) == file);
  CHECK(parse_archive(to_npz({}))->empty());
}

TEST_CASE("a name beyond ASCII is marked as UTF-8, in both of its places") {
  const HostTensor plain{"y", DType::kF32, {0}};
  HostTensor other = plain;
  other.name = "\xc3\xa4";
  const std::string with = to_npz({other}), without = to_npz({plain});
  const auto flags = [](const std::string& zip, std::string_view magic, size_t at) {
    return static_cast<unsigned char>(zip[zip.find(magic) + at + 1]);
  };
  CHECK(flags(with, {"PK\3\4", 4}, 6) == 8);
  CHECK(flags(with, {"PK\1\2", 4}, 8) == 8);
  CHECK(flags(without, {"PK\3\4", 4}, 6) == 0);
  CHECK(flags(without, {"PK\1\2", 4}, 8) == 0);
}

TEST_CASE("a cut archive is an error wherever the cut is") {
  for (std::string_view hex : {test::kStored, test::kDeflated}) {
    std::string file = from_hex(hex);
    for (size_t size = 0; size < file.size(); ++size) {
      CAPTURE(size);
      CHECK(!parse_archive(file.substr(0, size)).ok());
    }
  }
}

TEST_CASE("a damaged archive never gives other tensors") {
  for (std::string_view hex : {test::kStored, test::kDeflated}) {
    std::string file = from_hex(hex);
    Vec<HostTensor> whole = *parse_archive(file);
    for (size_t i = 0; i < file.size(); ++i) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      auto got = parse_archive(damaged);
      if (!got.ok()) continue;
      // A flip in a name, or in what nobody reads, leaves the data alone.
      REQUIRE(got->size() == whole.size());
      for (size_t t = 0; t < whole.size(); ++t) CHECK((*got)[t].data == whole[t].data);
    }
  }
}

TEST_CASE("an entry that promises too much is refused before memory is taken") {
  ZipEntry entry{.name = "x.npy", .deflated = true, .size = uint64_t{1} << 50};
  std::string space;
  CHECK(!unpack(entry, "t.npz", space).ok());
  CHECK(space.empty());
}

TEST_CASE("files are read by their ending") {
  char folder[] = "/tmp/rlx-npz-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  std::string npy = std::string(folder) + "/one.npy", npz = std::string(folder) + "/two.npz";
  HostTensor t = named_tensor<int32_t>("one", DType::kI32, {1}, {7});
  REQUIRE(write_npy(npy, t).ok());
  REQUIRE(write_npz(npz, {t}).ok());
  CHECK(*read_tensors(npy) == Vec<HostTensor>{t});
  CHECK(*read_tensors(npz) == Vec<HostTensor>{t});
  CHECK(read_tensors(std::string(folder) + "/three.txt").error().exit_code() == 5);
  CHECK(read_tensors(std::string(folder) + "/none.npz").error().exit_code() == 3);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace rlx
