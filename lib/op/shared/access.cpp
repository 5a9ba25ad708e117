#include "op/shared/access.h"

#include <cstring>
#include <limits>

namespace rlx {
namespace {

template <class T>
Scalar scalar_of(DType t, const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  if constexpr (std::is_floating_point_v<T>) return Scalar::of(t, value);
  return Scalar::of_int(t, static_cast<int64_t>(value));
}

// Bits of an integer type; bool counts as one of 1 bit.
int bits_of(DType t) { return t == DType::kBool ? 1 : static_cast<int>(size_of(t)) * 8; }

// The value of an input of one element, where the compiler knows it.
std::optional<Ex> known_value(KernelBuilder& b, StageBuilder& s, int input) {
  const DType type = b.in(input).dtype;
  if (const Constant* c = b.constant(input); c && c->elements() == 1) {
    if (std::optional<Scalar> value = scalar_at(*c, 0)) return constant(s, *value);
    return std::nullopt;
  }
  if (!is_integer(type)) return std::nullopt;
  Known known = b.known(input);
  if (!known || known->size() != 1) return std::nullopt;
  if (std::optional<int64_t> value = known->front().constant()) return s.constant_int(type, *value);
  Ex e = s.index(known->front());
  return type == DType::kI64 ? e : cast(e, type);
}

}  // namespace

Scalar lowest(DType t) {
  if (is_float(t)) return Scalar::of(t, -std::numeric_limits<double>::infinity());
  if (!is_signed(t)) return Scalar::of_int(t, 0);
  return Scalar::of_int(t, std::numeric_limits<int64_t>::min() >> (64 - bits_of(t)));
}

Scalar highest(DType t) {
  if (is_float(t)) return Scalar::of(t, std::numeric_limits<double>::infinity());
  if (is_signed(t)) return Scalar::of_int(t, ~lowest(t).i);
  // All bits of u64 are -1 in the i64 that holds them.
  return Scalar::of_int(t, static_cast<int64_t>(~uint64_t{0} >> (64 - bits_of(t))));
}

std::optional<Scalar> scalar_at(const Constant& c, int64_t i) {
  const std::byte* at = c.data.bytes().data() + i * size_of(c.dtype);
  switch (c.dtype) {
    case DType::kBool: return Scalar::of_int(c.dtype, static_cast<int64_t>(*at) != 0);
    case DType::kI8: return scalar_of<int8_t>(c.dtype, at);
    case DType::kI16: return scalar_of<int16_t>(c.dtype, at);
    case DType::kI32: return scalar_of<int32_t>(c.dtype, at);
    case DType::kI64: return scalar_of<int64_t>(c.dtype, at);
    case DType::kU8: return scalar_of<uint8_t>(c.dtype, at);
    case DType::kU16: return scalar_of<uint16_t>(c.dtype, at);
    case DType::kU32: return scalar_of<uint32_t>(c.dtype, at);
    case DType::kU64: return scalar_of<uint64_t>(c.dtype, at);
    case DType::kF32: return scalar_of<float>(c.dtype, at);
    case DType::kF64: return scalar_of<double>(c.dtype, at);
    case DType::kF16:
    case DType::kBF16:
    case DType::kString: return std::nullopt;
  }
  return std::nullopt;
}

Ex computed(Ex e) {
  const DType type = compute_type(e.type());
  return type == e.type() ? e : cast(e, type);
}

Ex constant(StageBuilder& s, const Scalar& value) {
  if (is_float(value.dtype)) return s.constant(value.dtype, value.f);
  return s.constant_int(value.dtype, value.i);
}

Vec<Dim> broadcast_index(const Vec<Dim>& in, const Vec<Dim>& out, const Vec<Dim>& at) {
  Vec<Dim> index;
  const size_t skipped = out.size() - in.size();
  for (size_t axis = 0; axis < in.size(); axis++) {
    const bool repeats = in[axis].is(1) && !out[axis + skipped].is(1);
    index.push_back(repeats ? Dim(0) : at[axis + skipped]);
  }
  return index;
}

Ex read(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at) {
  if (std::optional<Ex> value = known_value(b, s, input)) return *value;
  return computed(s.load(b.input(input), at));
}

Ex read(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at, Vec<Bounds> bounds) {
  return computed(s.load(b.input(input), at, std::move(bounds)));
}

Ex read_broadcast(KernelBuilder& b, StageBuilder& s, int input, const Vec<Dim>& at) {
  return read(b, s, input, broadcast_index(b.in(input).shape, b.out().shape, at));
}

Ex gather(KernelBuilder& b, StageBuilder& s, int input, Vec<AxisIndex> index) {
  Vec<Bounds> bounds;
  for (const AxisIndex& i : index) {
    bounds.push_back({i.expr ? Bounds::Rule::kChecked : Bounds::Rule::kProven});
  }
  return computed(s.gather(b.input(input), std::move(index), std::move(bounds)));
}

AxisIndex data_index(Ex e) {
  if (e.type() != DType::kI64) e = cast(e, DType::kI64);
  return {.expr = e.id, .from_end = true};
}

Vec<AxisIndex> axis_indexes(const Vec<Dim>& at) {
  Vec<AxisIndex> index;
  for (const Dim& d : at) index.push_back({.dim = d});
  return index;
}

void write(KernelBuilder& b, StageBuilder& s, const Vec<Dim>& at, Ex value, int output) {
  const DType type = b.out(output).dtype;
  s.store(b.output(output), at, value.type() == type ? value : cast(value, type));
}

RangeOf grid_ranges(KernelBuilder& b) {
  return ranges_of(b.kernel(), nullptr, b.graph().symbol_ranges());
}

}  // namespace rlx
