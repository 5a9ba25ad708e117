// The bytes of records: each_member in order, so that no member can be forgotten or read out of turn
// (cache-format/image.md). A new member, or one in another place, needs a new kVersion.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

#include "image/image.h"
#include "support/record.h"

namespace rlx::image {

inline constexpr std::string_view kMagic{"RLXIMG\0\0", 8};
inline constexpr uint32_t kVersion = 8;
inline constexpr uint32_t kSections = record::count<Image>();
// Magic, version, number of sections, the size of each.
inline constexpr size_t kHeaderBytes = kMagic.size() + 4 + 4 + 8 * kSections;

static_assert(std::endian::native == std::endian::little, "numbers are copied as they stand");
// By their numbers in cache-format/image.md, whatever the enumerators are. What is not listed cannot be
// in an image; who reads another number gets a string, which verify() refuses.
inline constexpr std::array kDTypes{
    DType::kBool, DType::kI8,  DType::kI16, DType::kI32,  DType::kI64, DType::kU8, DType::kU16,
    DType::kU32,  DType::kU64, DType::kF16, DType::kBF16, DType::kF32, DType::kF64};

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Writer {
 public:
  template <Number T>
  void put(const T& number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void put(DType type) {
    auto number = std::find(kDTypes.begin(), kDTypes.end(), type) - kDTypes.begin();
    put(static_cast<uint8_t>(number));
  }
  void put(const Digest& digest) { put_all(digest.bytes); }
  void put(const std::string& text) {
    put_count(text.size());
    bytes_ += text;
  }
  template <class T>
  void put(const Vec<T>& items) {
    put_count(items.size());
    put_all(items);
  }
  template <class T>
    requires std::is_aggregate_v<T>
  void put(const T& record) {
    each_member(record, [&](std::string_view, const auto& member) { put(member); });
  }

  size_t size() const { return bytes_.size(); }
  std::string take() { return std::move(bytes_); }

 private:
  void put_count(size_t count) {
    RLX_CHECK(count <= UINT32_MAX);
    put(static_cast<uint32_t>(count));
  }
  void put_all(const auto& items) {
    for (const auto& item : items) put(item);
  }

  std::string bytes_;
};

// Reads what Writer wrote. Running out of bytes ends in failed(), what was taken since is then meaningless.
// Every item of a list takes bytes of its own, so that memory stays proportional to what was given.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  template <Number T>
  void take(T& number) {
    const Bytes from = take_bytes(sizeof number);
    if (!failed_) std::memcpy(&number, from.data(), sizeof number);
  }
  void take(DType& type) {
    uint8_t number = 0;
    take(number);
    type = number < kDTypes.size() ? kDTypes[number] : DType::kString;
  }
  void take(Digest& digest) { take_all(digest.bytes); }
  void take(std::string& text) {
    uint32_t count = 0;
    take(count);
    const Bytes from = take_bytes(count);
    text.assign(reinterpret_cast<const char*>(from.data()), from.size());
  }
  template <class T>
  void take(Vec<T>& items) {
    uint32_t count = 0;
    take(count);
    for (uint32_t i = 0; i < count && !failed_; ++i) take(items.emplace_back());
  }
  template <class T>
    requires std::is_aggregate_v<T>
  void take(T& record) {
    each_member(record, [&](std::string_view, auto& member) { take(member); });
  }

  Bytes take_bytes(size_t count) {
    failed_ |= count > bytes_.size();
    if (failed_) return {};
    const Bytes taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  bool failed() const { return failed_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  void take_all(auto& items) {
    for (auto& item : items) take(item);
  }

  Bytes bytes_;
  bool failed_ = false;
};

}  // namespace rlx::image
