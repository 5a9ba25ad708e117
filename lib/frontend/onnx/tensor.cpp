#include "frontend/onnx/tensor.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "frontend/onnx/wire.h"

namespace rlx::onnx {
namespace {

struct ElementType {
  std::string_view name;
  std::optional<DType> dtype;
};

// Indexed by ONNX's TensorProto.DataType.
constexpr std::array<ElementType, 29> kElementTypes{{
    {"undefined", {}},
    {"float", DType::kF32},
    {"uint8", DType::kU8},
    {"int8", DType::kI8},
    {"uint16", DType::kU16},
    {"int16", DType::kI16},
    {"int32", DType::kI32},
    {"int64", DType::kI64},
    {"string", DType::kString},
    {"bool", DType::kBool},
    {"float16", DType::kF16},
    {"double", DType::kF64},
    {"uint32", DType::kU32},
    {"uint64", DType::kU64},
    {"complex64", {}},
    {"complex128", {}},
    {"bfloat16", DType::kBF16},
    {"float8e4m3fn", {}},
    {"float8e4m3fnuz", {}},
    {"float8e5m2", {}},
    {"float8e5m2fnuz", {}},
    {"uint4", DType::kU4},
    {"int4", DType::kI4},
    {"float4e2m1", {}},
    {"float8e8m0", {}},
    {"uint2", {}},
    {"int2", {}},
    {"float6e2m3", {}},
    {"float6e3m2", {}},
}};

std::string label(const TensorProto& t) {
  return t.name.empty() ? "a tensor" : fmt::format("tensor \"{}\"", t.name);
}

Error wrong_size(const TensorProto& t, DType dtype, int64_t size, uint64_t got) {
  return Error(kInvalidTensor,
               fmt::format("{} of type {}[{}] takes {} bytes, the file has {}", label(t),
                           name(dtype), fmt::join(t.dims, ", "), size, got));
}

// ---- Typed data -------------------------------------------------------------------------------

template <class T>
void append(std::string& out, T value, size_t size = sizeof(T)) {
  // Machines are little-endian: the low bytes of an integer are its narrower form.
  out.append(reinterpret_cast<const char*>(&value), size);
}

// The field of TensorProto that holds elements of that type.
uint32_t typed_field(DType dtype) {
  if (dtype == DType::kF32) return 4;
  if (dtype == DType::kF64) return 10;
  if (dtype == DType::kI64) return 7;
  return dtype == DType::kU32 || dtype == DType::kU64 ? 11 : 5;
}

std::string typed_data(std::string_view message, DType dtype) {
  std::string out;
  auto size = static_cast<size_t>(size_of(dtype));
  each_field(message, "TensorProto", [&](Fields& f) {
    if (f.tag() != typed_field(dtype)) return f.skip();
    switch (dtype) {
      case DType::kF32: return each_float(f, [&](float v) { append(out, v); });
      case DType::kF64: return each_double(f, [&](double v) { append(out, v); });
      default: return each_integer(f, [&](int64_t v) { append(out, v, size); });
    }
  });
  return out;
}

// ---- External data ----------------------------------------------------------------------------

struct Place {
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Place> place_of(const TensorProto& t) {
  Place place;
  for (auto [key, value] : t.external_data) {
    if (key == "location") place.location = value;
    if (key != "offset" && key != "length") continue;
    auto n = number(value);
    if (!n) {
      return Error(kExternalData,
                   fmt::format("{}: the {} of its external data is \"{}\"", label(t), key, value));
    }
    if (key == "offset") place.offset = *n;
    if (key == "length") place.length = n;
  }
  return place;
}

}  // namespace

std::optional<DType> dtype_of(int64_t onnx_type) {
  if (onnx_type < 0 || onnx_type >= std::ssize(kElementTypes)) return std::nullopt;
  return kElementTypes[static_cast<size_t>(onnx_type)].dtype;
}

std::string onnx_type_name(int64_t onnx_type) {
  if (onnx_type < 0 || onnx_type >= std::ssize(kElementTypes)) {
    return fmt::format("number {}", onnx_type);
  }
  return std::string(kElementTypes[static_cast<size_t>(onnx_type)].name);
}

Result<Constant> Tensors::constant(const TensorProto& t) {
  auto dtype = dtype_of(t.data_type);
  if (!dtype || *dtype == DType::kString) {
    return Error(kUnsupportedType, fmt::format("{} has elements of type {}, which is not supported",
                                               label(t), onnx_type_name(t.data_type)));
  }
  auto size = byte_size(*dtype, t.dims);
  if (!size) {
    return Error(kInvalidTensor, fmt::format("{} has the impossible shape [{}]", label(t),
                                             fmt::join(t.dims, ", ")));
  }
  RLX_TRY(ConstantData data, data_of(t, *dtype, *size));
  if (!can_hold(*dtype, data.bytes())) {
    return Error(kInvalidTensor, fmt::format("{} holds a bool that is neither 0 nor 1", label(t)));
  }
  const Digest digest = sha256(data.bytes());
  return Constant{.digest = digest, .dtype = *dtype, .shape = t.dims, .data = std::move(data)};
}

Result<ConstantData> Tensors::data_of(const TensorProto& t, DType dtype, int64_t size) {
  if (t.external) return external_data(t, size);
  if (t.raw_data) {
    if (t.raw_data->size() != static_cast<uint64_t>(size)) {
      return wrong_size(t, dtype, size, t.raw_data->size());
    }
    return ConstantData::view(bytes_of(*t.raw_data), keeper_);
  }
  RLX_TRY(std::string typed, guarded(file_, [&] { return typed_data(t.message, dtype); }));
  if (typed.size() != static_cast<uint64_t>(size)) return wrong_size(t, dtype, size, typed.size());
  return ConstantData::owned(std::move(typed));
}

Result<ConstantData> Tensors::external_data(const TensorProto& t, int64_t size) {
  RLX_TRY(Place place, place_of(t));
  auto needed = static_cast<uint64_t>(size);
  if (place.length.value_or(needed) != needed) {
    return Error(kExternalData, fmt::format("{} takes {} bytes, its external data is given {}",
                                            label(t), size, *place.length));
  }
  auto opened = external_file(place.location);
  if (!opened) {
    for (Diagnostic& d : opened.error().items) d.message = label(t) + ": " + d.message;
    return std::move(opened.error());
  }
  const auto& file = *opened;
  const Bytes all = file->bytes();
  if (place.offset > all.size() || all.size() - place.offset < needed) {
    return Error(kExternalData,
                 fmt::format("{} wants bytes {} to {} of \"{}\", which has {}", label(t),
                             place.offset, place.offset + needed, place.location, all.size()));
  }
  return ConstantData::view(all.subspan(place.offset, needed), file);
}

Result<std::shared_ptr<const MappedFile>> Tensors::external_file(std::string_view location) {
  if (auto it = opened_at_.find(location); it != opened_at_.end()) return opened_[it->second];
  RLX_TRY(auto file, open_beside(folder_, location));
  opened_at_.emplace(location, opened_.size());
  opened_.push_back(std::move(file));
  return opened_.back();
}

}  // namespace rlx::onnx
