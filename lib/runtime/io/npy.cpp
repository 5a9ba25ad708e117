#include "runtime/io/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "runtime/io/codes.h"
#include "support/files.h"

namespace rlx {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct TypeCode {
  DType dtype;
  // numpy's, without the byte order.
  std::string_view code;
};

constexpr std::array<TypeCode, 13> kTypeCodes{{
    {DType::kBool, "b1"},
    {DType::kI8, "i1"},
    {DType::kI16, "i2"},
    {DType::kI32, "i4"},
    {DType::kI64, "i8"},
    {DType::kU8, "u1"},
    {DType::kU16, "u2"},
    {DType::kU32, "u4"},
    {DType::kU64, "u8"},
    {DType::kF16, "f2"},
    {DType::kBF16, "V2"},
    {DType::kF32, "f4"},
    {DType::kF64, "f8"},
}};

struct Header {
  DType dtype = DType::kF32;
  bool fortran_order = false;
  Vec<int64_t> shape;
};

Error broken_npy(const std::string& name, std::string_view what) {
  return Error(kBrokenTensorFile, fmt::format("{} is no valid .npy: {}", name, what));
}

// ---- The header's text: a Python dict of a string, a bool and a tuple -----------------------------

class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Result<Header> parse() {
    if (!eat("{")) return wrong("its header is no dict");
    while (!eat("}")) {
      RLX_TRY(const std::string_view key, string());
      if (!eat(":")) return wrong("its header lacks a colon");
      RLX_TRY_VOID(member(key));
      eat(",");
    }
    if (seen_ != 7) return wrong("its header lacks descr, fortran_order or shape");
    return std::move(header_);
  }

 private:
  Status member(std::string_view key) {
    if (key == "descr") return descr();
    if (key == "fortran_order") return fortran_order();
    if (key == "shape") return shape();
    return wrong("its header has an unknown key");
  }

  Status descr() {
    seen_ |= 1;
    RLX_TRY(std::string_view text, string());
    const char order = text.empty() ? '\0' : text[0];
    auto it = std::ranges::find(kTypeCodes, text.substr(std::min<size_t>(1, text.size())),
                                &TypeCode::code);
    if (it == kTypeCodes.end() || (order != '<' && order != '|')) {
      return Error(kUnsupportedTensorFile,
                   fmt::format("{} has elements of type '{}', which is not supported", name_, text),
                   order == '>' ? "convert it to little-endian" : "");
    }
    header_.dtype = it->dtype;
    return {};
  }

  Status fortran_order() {
    seen_ |= 2;
    header_.fortran_order = eat("True");
    if (!header_.fortran_order && !eat("False")) return wrong("fortran_order is no bool");
    return {};
  }

  Status shape() {
    seen_ |= 4;
    header_.shape.clear();
    if (!eat("(")) return wrong("shape is no tuple");
    while (!eat(")")) {
      RLX_TRY(const int64_t extent, natural());
      header_.shape.push_back(extent);
      if (!eat(",") && !next_is(')')) return wrong("shape is no tuple");
    }
    return {};
  }

  Result<int64_t> natural() {
    skip_blanks();
    int64_t value = -1;
    auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) return wrong("an extent is no natural number");
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return value;
  }

  // In either kind of quotes, without escapes.
  Result<std::string_view> string() {
    skip_blanks();
    const char quote = text_.empty() ? '\0' : text_[0];
    const size_t end =
        quote == '\'' || quote == '"' ? text_.find(quote, 1) : std::string_view::npos;
    // A list of fields is a structure.
    if (quote == '[') {
      return Error(kUnsupportedTensorFile,
                   fmt::format("{} holds structures, which are not supported", name_));
    }
    if (end == std::string_view::npos) return wrong("its header lacks a string");
    const std::string_view s = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return s;
  }

  bool eat(std::string_view token) {
    skip_blanks();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }

  bool next_is(char c) {
    skip_blanks();
    return text_.starts_with(c);
  }

  void skip_blanks() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }

  Error wrong(std::string_view what) const { return broken_npy(name_, what); }

  std::string_view text_;
  const std::string& name_;
  Header header_;
  int seen_ = 0;
};

// ---- The elements -----------------------------------------------------------------------------

// Columns first in the file, rows first here: walks the output in order, an odometer gives the source.
void from_fortran_order(const Vec<int64_t>& shape, size_t size, const std::byte* from,
                        std::byte* to, size_t bytes) {
  Vec<int64_t> at(shape.size()), stride(shape.size(), 1);
  for (size_t i = 1; i < shape.size(); ++i) stride[i] = stride[i - 1] * shape[i - 1];
  int64_t source = 0;
  for (size_t done = 0; done < bytes; done += size) {
    std::memcpy(to + done, from + static_cast<size_t>(source) * size, size);
    for (size_t axis = shape.size(); axis-- > 0;) {
      source += stride[axis];
      if (++at[axis] < shape[axis]) break;
      source -= stride[axis] * shape[axis];
      at[axis] = 0;
    }
  }
}

bool all_bools(Bytes elements) {
  return std::ranges::all_of(elements, [](std::byte b) { return b <= std::byte{1}; });
}

// The header's text and where the elements start.
struct Parts {
  std::string_view header;
  Bytes elements;
};

Result<Parts> split(Bytes file, const std::string& name) {
  std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic) || text.size() < 12) {
    return broken_npy(name, "it does not begin as one");
  }
  auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(text[i])); };
  const size_t major = byte(6);
  if (major < 1 || major > 3) return broken_npy(name, "its version is unknown");
  const size_t begin = major == 1 ? 10 : 12;
  size_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > text.size() - begin) return broken_npy(name, "it ends inside its header");
  return Parts{text.substr(begin, length), file.subspan(begin + length)};
}

std::string shape_text(const Vec<int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::string stem(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name;
}

}  // namespace

Result<HostTensor> parse_npy(Bytes file, std::string name) {
  RLX_TRY(const Parts parts, split(file, name));
  RLX_TRY(Header header, HeaderParser(parts.header, name).parse());
  auto bytes = tensor_bytes(header.dtype, header.shape);
  if (!bytes) return broken_npy(name, "its shape is impossible");
  if (parts.elements.size() != *bytes) {
    return broken_npy(
        name, fmt::format("its elements take {} bytes, it has {}", *bytes, parts.elements.size()));
  }
  if (header.dtype == DType::kBool && !all_bools(parts.elements)) {
    return broken_npy(name, "it holds a bool that is neither 0 nor 1");
  }
  HostTensor t{.name = std::move(name), .dtype = header.dtype, .shape = std::move(header.shape)};
  RLX_TRY(t.data, AlignedBytes::make(*bytes, t.name + " " + type_text(t.dtype, t.shape)));
  if (!header.fortran_order) {
    if (*bytes != 0) std::memcpy(t.data.data(), parts.elements.data(), *bytes);
    return t;
  }
  from_fortran_order(t.shape, static_cast<size_t>(size_of(t.dtype)), parts.elements.data(),
                     t.data.data(), *bytes);
  return t;
}

std::string npy_header(const HostTensor& t) {
  auto it = std::ranges::find(kTypeCodes, t.dtype, &TypeCode::dtype);
  RLX_CHECK(it != kTypeCodes.end(), "text has no .npy form");
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': {}, }}",
                                 size_of(t.dtype) == 1 ? '|' : '<', it->code, shape_text(t.shape));
  // Blanks up to a multiple of 64, a line end last; 10 bytes stand before.
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string header(kMagic);
  header +=
      {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

Result<HostTensor> read_npy(const std::string& path) {
  RLX_TRY(auto file, MappedFile::open(path));
  auto tensor = parse_npy(file->bytes(), stem(path));
  RLX_TRY_VOID(file->check_unchanged());
  return tensor;
}

Status write_npy(const std::string& path, const HostTensor& t) {
  std::string file = npy_header(t);
  file.append(reinterpret_cast<const char*>(t.data.data()), t.data.size());
  return write_file(path, bytes_of(file));
}

}  // namespace rlx
