#include "ir/constant_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/number_text.h"
#include "ir/type_text.h"
#include "support/sub_byte.h"

namespace rlx {
namespace {

constexpr int64_t kMostInline = 64;
// A text of a line must not ask for more memory than a machine has.
constexpr int64_t kMostRepeated = int64_t{1} << 22;
constexpr std::string_view kDigestMark = "sha256:";

// ---- One element ------------------------------------------------------------------------------

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::string hex_text(uint64_t bits) {
  char buffer[16];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, bits, 16).ptr;
  return "0x" + std::string(buffer, end);
}

// The bits where the number itself does not bring them back.
template <class Float, class Bits>
std::string float_element(const std::byte* at) {
  auto value = load<Float>(at);
  auto bits = load<Bits>(at);
  const bool plain =
      !std::isnan(value) || bits == std::bit_cast<Bits>(std::numeric_limits<Float>::quiet_NaN());
  return plain ? float_text(value) : hex_text(bits);
}

std::string element_text(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::kBool: return load<uint8_t>(at) ? "true" : "false";
    case DType::kI4:
    case DType::kI8: return std::to_string(load<int8_t>(at));
    case DType::kI16: return std::to_string(load<int16_t>(at));
    case DType::kI32: return std::to_string(load<int32_t>(at));
    case DType::kI64: return std::to_string(load<int64_t>(at));
    case DType::kU4:
    case DType::kU8: return std::to_string(load<uint8_t>(at));
    case DType::kU16: return std::to_string(load<uint16_t>(at));
    case DType::kU32: return std::to_string(load<uint32_t>(at));
    case DType::kU64: return std::to_string(load<uint64_t>(at));
    case DType::kF16:
    case DType::kBF16: return hex_text(load<uint16_t>(at));
    case DType::kF32: return float_element<float, uint32_t>(at);
    case DType::kF64: return float_element<double, uint64_t>(at);
    case DType::kString: break;
  }
  return {};
}

template <class T>
void append(std::string& bytes, T value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  bytes.append(raw, sizeof value);
}

std::optional<uint64_t> bits_from(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  const std::string_view digits = text.substr(2);
  uint64_t bits = 0;
  auto [rest, status] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  return status == std::errc() && rest == digits.data() + digits.size() ? std::optional(bits)
                                                                        : std::nullopt;
}

template <class T>
bool append_integer(std::string& bytes, std::string_view text,
                    T lowest = std::numeric_limits<T>::lowest(),
                    T greatest = std::numeric_limits<T>::max()) {
  T value = 0;
  auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || rest != text.data() + text.size()) return false;
  if (value < lowest || value > greatest) return false;
  append(bytes, value);
  return true;
}

template <class Bits>
bool append_bits(std::string& bytes, std::string_view text) {
  auto bits = bits_from(text);
  if (!bits || *bits > std::numeric_limits<Bits>::max()) return false;
  append(bytes, static_cast<Bits>(*bits));
  return true;
}

bool append_bool(std::string& bytes, std::string_view text) {
  if (text != "true" && text != "false") return false;
  bytes += text == "true" ? '\1' : '\0';
  return true;
}

bool append_f32(std::string& bytes, std::string_view text) {
  if (append_bits<uint32_t>(bytes, text)) return true;
  Cursor in(text);
  auto value = parse_float(in);
  if (!value || !in.done()) return false;
  append(bytes, *value);
  return true;
}

bool append_f64(std::string& bytes, std::string_view text) {
  if (append_bits<uint64_t>(bytes, text)) return true;
  Cursor in(text);
  auto value = parse_double(in);
  if (!value || !in.done()) return false;
  append(bytes, *value);
  return true;
}

// The element by itself; false where the text is none of that type.
bool append_element(std::string& bytes, DType dtype, std::string_view text) {
  switch (dtype) {
    case DType::kBool: return append_bool(bytes, text);
    case DType::kI4: return append_integer<int8_t>(bytes, text, -8, 7);
    case DType::kI8: return append_integer<int8_t>(bytes, text);
    case DType::kI16: return append_integer<int16_t>(bytes, text);
    case DType::kI32: return append_integer<int32_t>(bytes, text);
    case DType::kI64: return append_integer<int64_t>(bytes, text);
    case DType::kU4: return append_integer<uint8_t>(bytes, text, 0, 15);
    case DType::kU8: return append_integer<uint8_t>(bytes, text);
    case DType::kU16: return append_integer<uint16_t>(bytes, text);
    case DType::kU32: return append_integer<uint32_t>(bytes, text);
    case DType::kU64: return append_integer<uint64_t>(bytes, text);
    case DType::kF16:
    case DType::kBF16: return append_bits<uint16_t>(bytes, text);
    case DType::kF32: return append_f32(bytes, text);
    case DType::kF64: return append_f64(bytes, text);
    case DType::kString: return false;
  }
  return false;
}

// ---- All elements -----------------------------------------------------------------------------

// Elements of less than a byte each become one.
std::string apart(const Constant& c) {
  std::string bytes;
  for (int64_t i = 0; i < c.elements(); ++i) {
    append(bytes, sub_byte_at(c.dtype, c.data.bytes().data(), i));
  }
  return bytes;
}

std::string joined(const std::string& elements, DType dtype) {
  const auto count = static_cast<int64_t>(elements.size());
  std::string bytes(static_cast<size_t>(bytes_of(dtype, count)), '\0');
  auto* data = reinterpret_cast<std::byte*>(bytes.data());
  for (int64_t i = 0; i < count; ++i) {
    set_sub_byte(data, i, static_cast<std::byte>(elements[static_cast<size_t>(i)]));
  }
  return bytes;
}

bool all_equal(const Constant& c, Bytes bytes) {
  auto size = static_cast<size_t>(size_of(c.dtype));
  return std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end(), bytes.begin());
}

bool has_plain_elements(const Constant& c) {
  auto size = static_cast<int64_t>(c.data.bytes().size());
  return c.dtype != DType::kString && size == bytes_of(c.dtype, c.elements());
}

std::string list_text(const Constant& c, Bytes bytes) {
  std::string out = "[";
  auto size = static_cast<size_t>(size_of(c.dtype));
  for (size_t at = 0; at < bytes.size(); at += size) {
    out += (at == 0 ? "" : ", ") + element_text(c.dtype, bytes.data() + at);
  }
  return out + "]";
}

// What stands for the elements before their type is known.
struct Written {
  std::optional<Digest> digest = std::nullopt;
  // One element where not a list.
  bool list = false;
  Vec<std::string_view> elements = {};
};

Result<std::string_view> parse_element(Cursor& in) {
  const std::string_view text = in.run_of(".+-");
  if (text.empty()) return in.error("an element is missing here");
  return text;
}

Result<Written> parse_written(Cursor& in) {
  Written w;
  if (in.eat(kDigestMark)) {
    w.digest = Digest::from_hex(in.run_of(""));
    if (!w.digest) return in.error("64 hexadecimal digits are missing here");
    return w;
  }
  w.list = in.eat("[");
  if (w.list && in.eat("]")) return w;
  do {
    RLX_TRY(const std::string_view element, parse_element(in));
    w.elements.push_back(element);
  } while (w.list && in.eat(","));
  if (w.list) RLX_TRY_VOID(in.expect("]"));
  return w;
}

std::string repeated(const std::string& element, int64_t count) {
  std::string all;
  all.reserve(element.size() * static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) all += element;
  return all;
}

Result<Constant> made_of(const Written& w, DType dtype, Vec<int64_t> shape, int64_t count,
                         Cursor& in) {
  const auto written = static_cast<int64_t>(w.elements.size());
  if (w.list && written != count) return in.error("the type has another number of elements");
  if (count > kMostRepeated) return in.error("this constant is too big to be written as elements");
  std::string bytes;
  for (const std::string_view element : w.elements) {
    if (!append_element(bytes, dtype, element)) {
      return in.error("'" + std::string(element) + "' is no " + std::string(name(dtype)));
    }
  }
  std::string all = w.list ? std::move(bytes) : repeated(bytes, count);
  if (is_sub_byte(dtype)) all = joined(all, dtype);
  return make_constant(dtype, std::move(shape), std::move(all));
}

}  // namespace

std::string elements_text(const Constant& c) {
  if (!has_plain_elements(c)) return std::string(kDigestMark) + c.digest.hex();
  const int64_t count = c.elements();
  if (count == 0) return "[]";
  if (count > kMostRepeated) return std::string(kDigestMark) + c.digest.hex();
  std::string own;
  if (is_sub_byte(c.dtype)) own = apart(c);
  const Bytes bytes = own.empty() ? c.data.bytes() : bytes_of(own);
  const bool one = c.shape.empty() || (count > kMostInline && all_equal(c, bytes));
  if (one) return element_text(c.dtype, bytes.data());
  return count <= kMostInline ? list_text(c, bytes) : std::string(kDigestMark) + c.digest.hex();
}

Result<Constant> parse_constant(Cursor& in, const ConstantSource& source) {
  RLX_TRY(Written written, parse_written(in));
  RLX_TRY_VOID(in.expect(":"));
  RLX_TRY(const Type type, parse_type(in));
  auto shape = constant_shape(type);
  if (!shape) return in.error("a constant's type is a tensor of known extents that fits memory");
  if (written.digest) return fetch_constant(*written.digest, type.dtype, std::move(*shape), source);
  const int64_t count = *type.elements().constant();
  return made_of(written, type.dtype, std::move(*shape), count, in);
}

std::optional<Vec<int64_t>> constant_shape(const Type& t) {
  if (!t.is_tensor()) return std::nullopt;
  Vec<int64_t> shape;
  // 2^48 bytes are more than any machine maps.
  int64_t room = int64_t{1} << 48;
  for (const Dim& d : t.shape) {
    auto extent = d.constant();
    if (!extent || *extent < 0 || *extent > room) return std::nullopt;
    room /= std::max<int64_t>(*extent, 1);
    shape.push_back(*extent);
  }
  return shape;
}

bool fits_dims(const Type& t, size_t count) {
  if (!t.is_tensor() || t.dtype != DType::kI64 || t.rank() > 1) return false;
  return t.rank() == 0 ? count == 1 : t.shape[0].is(static_cast<int64_t>(count));
}

Result<Constant> fetch_constant(const Digest& digest, DType dtype, Vec<int64_t> shape,
                                const ConstantSource& source) {
  Constant c{.digest = digest, .dtype = dtype, .shape = std::move(shape), .data = {}};
  if (!source) return c;
  RLX_TRY(c.data, source(digest, bytes_of(dtype, c.elements())));
  return c;
}

}  // namespace rlx
