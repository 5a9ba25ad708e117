// The text of scalars and storages.
#include <fmt/format.h>

#include "ir/number_text.h"
#include "kernel/storage.h"

namespace rlx {

// ---- Scalars ----------------------------------------------------------------------------------

std::string to_text(const Scalar& s) {
  switch (s.dtype) {
    case DType::kBool: return s.i != 0 ? "true" : "false";
    case DType::kU64: return std::to_string(static_cast<uint64_t>(s.i));
    case DType::kF64: return float_text(s.f);
    default: return is_float(s.dtype) ? float_text(static_cast<float>(s.f)) : std::to_string(s.i);
  }
}

namespace {

Result<Scalar> parse_bool(Cursor& in) {
  if (in.eat("true")) return Scalar::of_int(DType::kBool, 1);
  if (in.eat("false")) return Scalar::of_int(DType::kBool, 0);
  return in.error("true or false is missing here");
}

Result<Scalar> parse_u64(Cursor& in) {
  auto value = in.natural();
  if (!value) return in.error("a whole number is missing here");
  return Scalar::of_int(DType::kU64, static_cast<int64_t>(*value));
}

Result<Scalar> parse_whole(Cursor& in, DType dtype) {
  RLX_TRY(const int64_t value, in.integer());
  Scalar s = Scalar::of_int(dtype, value);
  if (s.i != value) return in.error(fmt::format("this number is no {}", name(dtype)));
  return s;
}

}  // namespace

Result<Scalar> parse_scalar(Cursor& in, DType dtype) {
  if (dtype == DType::kString) return in.error("a string is no scalar");
  if (dtype == DType::kBool) return parse_bool(in);
  if (dtype == DType::kU64) return parse_u64(in);
  if (is_integer(dtype)) return parse_whole(in, dtype);
  if (dtype == DType::kF64) {
    RLX_TRY(const double value, parse_double(in));
    return Scalar::of(dtype, value);
  }
  RLX_TRY(const float value, parse_float(in));
  return Scalar::of(dtype, value);
}

// ---- Printing ---------------------------------------------------------------------------------

std::string_view name(Form form) {
  switch (form) {
    case Form::kElements: return "elements";
    case Form::kWinograd2: return "winograd2";
    case Form::kWinograd4: return "winograd4";
  }
  return {};
}

std::optional<Form> form_named(std::string_view text) {
  for (const Form f : {Form::kElements, Form::kWinograd2, Form::kWinograd4}) {
    if (name(f) == text) return f;
  }
  return std::nullopt;
}

namespace {

std::string dim_text(const PhysicalDim& d) {
  std::string text = std::to_string(d.axis);
  if (d.div != 1) text += fmt::format("/{}", d.div);
  if (d.mod != 0) text += fmt::format("%{}", d.mod);
  return text;
}

// " lo 1 hi 1 to 16", or nothing.
std::string padding_text(const AxisPadding& p) {
  std::string text;
  if (p.lo != 0) text += fmt::format(" lo {}", p.lo);
  if (p.hi != 0) text += fmt::format(" hi {}", p.hi);
  if (p.multiple != 1) text += fmt::format(" to {}", p.multiple);
  return text;
}

std::string paddings_text(const Vec<AxisPadding>& padding) {
  std::string text;
  for (size_t axis = 0; axis < padding.size(); ++axis) {
    std::string one = padding_text(padding[axis]);
    if (!one.empty()) text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", axis, one);
  }
  return text.empty() ? text : " pad {" + text + "}";
}

}  // namespace

std::string to_text(const Storage& s) {
  std::string text;
  for (const PhysicalDim& d : s.dims) text += (text.empty() ? "" : ", ") + dim_text(d);
  Storage elements = s;
  elements.form = Form::kElements;
  text = elements.is_row_major() ? "row_major" : "[" + text + "]" + paddings_text(s.padding);
  if (s.fill) text += " fill " + to_text(*s.fill);
  if (s.form != Form::kElements) text += fmt::format(" form {}", name(s.form));
  return text;
}

// ---- Parsing ----------------------------------------------------------------------------------

namespace {

class StorageParser {
 public:
  StorageParser(Cursor& in, int rank, DType dtype) : in_(in), rank_(rank), dtype_(dtype) {}

  Result<Storage> storage() {
    Storage s = Storage::row_major(rank_);
    if (!in_.eat("row_major")) {
      RLX_TRY(s.dims, dims());
      if (in_.eat("pad")) RLX_TRY_VOID(paddings(s.padding));
    }
    if (in_.eat("fill")) {
      RLX_TRY(s.fill, parse_scalar(in_, dtype_));
    }
    if (in_.eat("form")) {
      const std::optional<Form> form = form_named(in_.word());
      if (!form) return in_.error("no such form");
      s.form = *form;
    }
    if (auto sound = verify(s, rank_); !sound) return in_.error(sound.error().first().message);
    return s;
  }

 private:
  Result<Vec<PhysicalDim>> dims() {
    Vec<PhysicalDim> dims;
    RLX_TRY_VOID(in_.expect("["));
    while (!in_.eat("]")) {
      if (!dims.empty()) RLX_TRY_VOID(in_.expect(","));
      RLX_TRY(const PhysicalDim d, dim());
      dims.push_back(d);
    }
    return dims;
  }

  Result<PhysicalDim> dim() {
    PhysicalDim d;
    RLX_TRY(d.axis, axis());
    if (in_.eat("/")) {
      RLX_TRY(d.div, in_.integer());
    }
    if (in_.eat("%")) {
      RLX_TRY(d.mod, in_.integer());
    }
    return d;
  }

  Result<int> axis() {
    RLX_TRY(const int64_t axis, in_.integer());
    if (axis < 0 || axis >= rank_) return in_.error("no such axis");
    return static_cast<int>(axis);
  }

  Status paddings(Vec<AxisPadding>& padding) {
    RLX_TRY_VOID(in_.expect("{"));
    do {
      RLX_TRY(const int axis, this->axis());
      RLX_TRY_VOID(in_.expect(":"));
      RLX_TRY(padding[static_cast<size_t>(axis)], one_padding());
    } while (in_.eat(","));
    return in_.expect("}");
  }

  Result<AxisPadding> one_padding() {
    AxisPadding p;
    if (in_.eat("lo")) {
      RLX_TRY(p.lo, in_.integer());
    }
    if (in_.eat("hi")) {
      RLX_TRY(p.hi, in_.integer());
    }
    if (in_.eat("to")) {
      RLX_TRY(p.multiple, in_.integer());
    }
    return p;
  }

  Cursor& in_;
  int rank_;
  DType dtype_;
};

}  // namespace

Result<Storage> parse_storage(Cursor& in, int rank, DType dtype) {
  return StorageParser(in, rank, dtype).storage();
}

Result<Storage> parse_storage(std::string_view text, int rank, DType dtype) {
  Cursor in(text);
  RLX_TRY(Storage s, parse_storage(in, rank, dtype));
  if (!in.done()) return in.error("this storage goes on unexpectedly");
  return s;
}

}  // namespace rlx
