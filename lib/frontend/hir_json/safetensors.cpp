#include "frontend/hir_json/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/data_files.h"
#include "support/json.h"

namespace rlx::hir_json {
namespace {

// What the format's own reader allows.
constexpr uint64_t kMostHeaderBytes = 100'000'000;
constexpr size_t kAlignment = 8;

struct FormatType {
  std::string_view name;
  DType dtype;
};

constexpr std::array<FormatType, 13> kFormatTypes{{
    {"BOOL", DType::kBool},
    {"I8", DType::kI8},
    {"I16", DType::kI16},
    {"I32", DType::kI32},
    {"I64", DType::kI64},
    {"U8", DType::kU8},
    {"U16", DType::kU16},
    {"U32", DType::kU32},
    {"U64", DType::kU64},
    {"F16", DType::kF16},
    {"BF16", DType::kBF16},
    {"F32", DType::kF32},
    {"F64", DType::kF64},
}};

// ---- Reading ----------------------------------------------------------------------------------

// Where a tensor lies among the elements.
struct Extent {
  uint64_t begin = 0, end = 0;
  std::string_view name;
};

class SafetensorsReader {
 public:
  explicit SafetensorsReader(const std::shared_ptr<const MappedFile>& file) : file_(file) {}

  Result<std::map<std::string, StoredTensor>> run() {
    RLX_TRY(const std::string_view header, header_text());
    auto json = Json::parse(header);
    if (!json) return broken("its header is no JSON: " + json.error().first().message);
    if (!json->object()) return broken("its header is no object");
    for (const Json::Member& m : *json->object()) {
      if (m.name == kMetadata) continue;
      RLX_TRY_VOID(tensor(m.name, JsonReader(m.value, m.name)));
    }
    RLX_TRY_VOID(check_extents());
    return std::move(tensors_);
  }

 private:
  Error broken(std::string_view what) const {
    return Error(kBrokenFile,
                 fmt::format("{} is no whole safetensors file: {}", file_->stamp().path, what),
                 "write or copy it again");
  }

  Result<std::string_view> header_text() {
    const Bytes all = file_->bytes();
    uint64_t size = 0;
    if (all.size() < sizeof size) return broken("it is shorter than the length of its header");
    std::memcpy(&size, all.data(), sizeof size);
    const Bytes rest = all.subspan(sizeof size);
    if (size > kMostHeaderBytes) return broken(fmt::format("a header of {} bytes", size));
    if (size > rest.size()) return broken("it ends inside of its header");
    elements_ = rest.subspan(size);
    return std::string_view(reinterpret_cast<const char*>(rest.data()), size);
  }

  Status tensor(const std::string& name, const JsonReader& in) {
    auto read = read_tensor(name, in);
    if (!read) return in_file(read.error());
    tensors_.emplace(name, std::move(*read));
    return {};
  }

  // What a JsonReader finds wrong names a tensor, but no file.
  Error in_file(const Error& e) const {
    const Diagnostic& d = e.first();
    return d.code == kUnsupportedType ? e : broken(d.message);
  }

  Result<StoredTensor> read_tensor(const std::string& name, const JsonReader& in) {
    RLX_TRY(const std::string type, in.string("dtype"));
    const auto* found = std::ranges::find(kFormatTypes, type, &FormatType::name);
    if (found == kFormatTypes.end()) {
      return Error(
          kUnsupportedType,
          fmt::format("tensor \"{}\" of {} has elements of type {}, which is not supported", name,
                      file_->stamp().path, type));
    }
    RLX_TRY(const JsonReader shape, in.get("shape"));
    RLX_TRY(Vec<int64_t> extents, shape.integers());
    const auto size = byte_size(found->dtype, extents);
    if (!size) return shape.wrong("no tensor has this shape");
    RLX_TRY(const JsonReader offsets, in.get("data_offsets"));
    RLX_TRY(const Vec<int64_t> range, offsets.integers());
    const bool fits = range.size() == 2 && range[0] >= 0 && range[1] >= range[0] &&
                      range[1] - range[0] == *size &&
                      static_cast<uint64_t>(range[1]) <= elements_.size();
    if (!fits) {
      return offsets.wrong(
          fmt::format("these are not {} bytes of the {} in the file", *size, elements_.size()));
    }
    const auto begin = static_cast<uint64_t>(range[0]), length = static_cast<uint64_t>(*size);
    extents_.push_back({begin, begin + length, name});
    const Bytes bytes = elements_.subspan(begin, length);
    if (!can_hold(found->dtype, bytes)) return in.wrong("it holds a bool that is neither 0 nor 1");
    return StoredTensor{found->dtype, std::move(extents), ConstantData::view(bytes, file_)};
  }

  // Each begins where the one before it ends: the same bytes are never two tensors, nor nobody's.
  Status check_extents() {
    std::ranges::sort(extents_, {}, [](const Extent& e) { return std::pair(e.begin, e.end); });
    uint64_t at = 0;
    for (const Extent& e : extents_) {
      if (e.begin != at) {
        return broken(
            fmt::format("tensor \"{}\" begins at {}, where {} is due", e.name, e.begin, at));
      }
      at = e.end;
    }
    if (at == elements_.size()) return {};
    return broken(fmt::format("{} bytes belong to no tensor", elements_.size() - at));
  }

  const std::shared_ptr<const MappedFile>& file_;
  Bytes elements_;
  // Their names are the header's.
  Vec<Extent> extents_;
  std::map<std::string, StoredTensor> tensors_;
};

// ---- Writing ----------------------------------------------------------------------------------

std::string_view format_name(DType dtype) {
  const auto* found = std::ranges::find(kFormatTypes, dtype, &FormatType::dtype);
  RLX_CHECK(found != kFormatTypes.end(), "safetensors has no " + std::string(name(dtype)));
  return found->name;
}

// Padded with blanks, so that what follows is aligned.
std::string header_of(const Vec<const NamedTensor*>& tensors) {
  JsonWriter out;
  out.begin_object();
  uint64_t at = 0;
  for (const NamedTensor* t : tensors) {
    const uint64_t end = at + t->tensor.data.bytes().size();
    out.key(t->name);
    out.begin_object();
    out.member("dtype", format_name(t->tensor.dtype));
    out.key("shape");
    out.values(std::span<const int64_t>(t->tensor.shape));
    out.key("data_offsets");
    out.values(std::span<const uint64_t>(std::array{at, end}));
    out.end_object();
    at = end;
  }
  out.end_object();
  std::string text = out.take();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

}  // namespace

Result<std::map<std::string, StoredTensor>> read_safetensors(
    const std::shared_ptr<const MappedFile>& file) {
  return SafetensorsReader(file).run();
}

Status write_safetensors(const Vec<NamedTensor>& tensors, OutputFile& out) {
  Vec<const NamedTensor*> ordered;
  for (const NamedTensor& t : tensors) ordered.push_back(&t);
  // Big elements first: each tensor then begins at a multiple of its own.
  std::ranges::stable_sort(ordered, std::ranges::greater(),
                           [](const NamedTensor* t) { return size_of(t->tensor.dtype); });
  const std::string header = header_of(ordered);
  const uint64_t size = header.size();
  RLX_TRY_VOID(out.append(std::as_bytes(std::span(&size, 1))));
  RLX_TRY_VOID(out.append(bytes_of(header)));
  for (const NamedTensor* t : ordered) RLX_TRY_VOID(out.append(t->tensor.data.bytes()));
  return {};
}

}  // namespace rlx::hir_json
