#include "kernel/storage.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernel/element.h"
#include "kernel/winograd.h"
#include "support/sub_byte.h"

namespace rlx {

// ---- Scalars ----------------------------------------------------------------------------------

namespace {

// A number of C++ type T as a Scalar. All NaNs are one, so that equal scalars have equal text.
template <class T>
Scalar scalar_of(DType dtype, T value) {
  Scalar s{.dtype = dtype};
  if (is_float(dtype)) {
    s.f = convert<double>(value);
    if (std::isnan(s.f)) s.f = std::numeric_limits<double>::quiet_NaN();
  } else {
    s.i = convert<int64_t>(value);
  }
  return s;
}

}  // namespace

Scalar Scalar::of(DType dtype, double value) {
  return with_type(dtype, [&]<class T>() { return scalar_of(dtype, convert<T>(value)); });
}

Scalar Scalar::of_int(DType dtype, int64_t value) {
  return with_type(dtype, [&]<class T>() { return scalar_of(dtype, convert<T>(value)); });
}

bool Scalar::operator==(const Scalar& o) const {
  if (dtype != o.dtype) return false;
  return is_float(dtype) ? std::bit_cast<uint64_t>(f) == std::bit_cast<uint64_t>(o.f) : i == o.i;
}

void to_bytes(const Scalar& s, std::byte* out) {
  with_type(s.dtype, [&]<class T>() {
    T value = is_float(s.dtype) ? convert<T>(s.f) : convert<T>(s.i);
    std::memcpy(out, &value, sizeof(T));
  });
}

Scalar scalar_at(DType dtype, const std::byte* in) {
  // Foreign data may hold a bool other than 0 and 1.
  if (dtype == DType::kBool) return Scalar::of_int(dtype, std::to_integer<int64_t>(*in));
  return with_type(dtype, [&]<class T>() {
    T value;
    std::memcpy(&value, in, sizeof(T));
    return scalar_of(dtype, value);
  });
}

Scalar element_at(DType dtype, const std::byte* array, int64_t i) {
  if (!is_sub_byte(dtype)) return scalar_at(dtype, array + bytes_of(dtype, i));
  const std::byte element = sub_byte_at(dtype, array, i);
  return scalar_at(dtype, &element);
}

// ---- Storage ----------------------------------------------------------------------------------

Storage Storage::row_major(int rank) {
  Vec<int> axes;
  for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  return ordered(axes);
}

Storage Storage::ordered(const Vec<int>& axes) {
  Storage s;
  for (const int axis : axes) s.dims.push_back({.axis = axis});
  s.padding.resize(axes.size());
  return s;
}

bool Storage::is_row_major() const {
  const Storage plain = row_major(static_cast<int>(padding.size()));
  return dims == plain.dims && padding == plain.padding && form == Form::kElements;
}

bool Storage::is_plain() const {
  return dims.size() == padding.size() && form == Form::kElements &&
         std::all_of(dims.begin(), dims.end(),
                     [](const PhysicalDim& d) { return d.div == 1 && d.mod == 0; });
}

bool has_padding(const Storage& s) {
  return std::any_of(s.padding.begin(), s.padding.end(),
                     [](const AxisPadding& p) { return p != AxisPadding{}; });
}

namespace {

// Whether the axis is taken apart: what stands before it in its first block then moves all others.
bool is_blocked(const Storage& s, size_t axis) {
  return std::any_of(s.dims.begin(), s.dims.end(), [&](const PhysicalDim& d) {
    return static_cast<size_t>(d.axis) == axis && (d.div != 1 || d.mod != 0);
  });
}

}  // namespace

bool satisfies(const Storage& have, const Storage& wanted) {
  if (have.dims != wanted.dims || have.form != wanted.form) return false;
  if (has_padding(wanted) && wanted.fill && have.fill != wanted.fill) return false;
  for (size_t i = 0; i < have.padding.size(); ++i) {
    const AxisPadding &h = have.padding[i], &w = wanted.padding[i];
    if (h.lo < w.lo || h.hi < w.hi || h.multiple % w.multiple != 0) return false;
    if (h.lo != w.lo && is_blocked(have, i)) return false;
  }
  return true;
}

bool can_take(Form form, DType dtype, const Vec<Dim>& shape) {
  if (!winograd_of(form)) return true;
  return dtype == DType::kF32 && shape.size() == 4 && shape[2].is(3) && shape[3].is(3);
}

namespace {

// Of the window's axes there are more positions.
Dim formed_extent(Form form, const Vec<Dim>& shape, int axis) {
  const Winograd* w = winograd_of(form);
  return w && axis >= 2 ? Dim(w->points) : shape[static_cast<size_t>(axis)];
}

}  // namespace

Dim padded_extent(const Storage& s, const Vec<Dim>& shape, int axis) {
  const AxisPadding& p = s.padding[static_cast<size_t>(axis)];
  const Dim extent = formed_extent(s.form, shape, axis) + p.lo + p.hi;
  return p.multiple == 1 ? extent : ceil_div(extent, p.multiple) * p.multiple;
}

namespace {

// The physical coordinate of a position along the axis, the halo counted.
Dim digit(const PhysicalDim& d, const Dim& position) {
  const Dim quotient = floor_div(position, d.div);
  return d.mod == 0 ? quotient : mod(quotient, d.mod);
}

// How many coordinates positions below `extent` have.
Dim digits(const PhysicalDim& d, const Dim& extent) {
  return d.mod == 0 ? ceil_div(extent, d.div) : Dim(d.mod);
}

}  // namespace

Vec<Dim> physical_extents(const Storage& s, const Vec<Dim>& shape) {
  Vec<Dim> extents;
  for (const PhysicalDim& d : s.dims) extents.push_back(digits(d, padded_extent(s, shape, d.axis)));
  return extents;
}

Vec<Dim> physical_strides(const Storage& s, const Vec<Dim>& shape) {
  Vec<Dim> extents = physical_extents(s, shape);
  Vec<Dim> strides(extents.size(), 1);
  for (size_t i = extents.size(); i-- > 1;) strides[i - 1] = strides[i] * extents[i];
  return strides;
}

Dim storage_elements(const Storage& s, const Vec<Dim>& shape) {
  return product(physical_extents(s, shape));
}

Dim storage_offset(const Storage& s, const Vec<Dim>& shape, const Vec<Dim>& index) {
  Vec<Dim> strides = physical_strides(s, shape);
  Dim offset = 0;
  for (size_t i = 0; i < s.dims.size(); ++i) {
    auto axis = static_cast<size_t>(s.dims[i].axis);
    offset = offset + strides[i] * digit(s.dims[i], index[axis] + s.padding[axis].lo);
  }
  return offset;
}

// ---- Boxes ------------------------------------------------------------------------------------

bool is_inside(const Box& box, const Vec<Dim>& outer, const RangeOf& range) {
  for (size_t axis = 0; axis < outer.size(); ++axis) {
    const Dim room = outer[axis] - box.start[axis] - box.shape[axis];
    if (!proven_nonnegative(box.start[axis], range) || !proven_nonnegative(room, range)) {
      return false;
    }
  }
  return true;
}

bool are_disjoint(const Box& a, const Box& b, const RangeOf& range) {
  for (size_t axis = 0; axis < a.start.size(); ++axis) {
    const Dim behind_a = b.start[axis] - a.start[axis] - a.shape[axis];
    const Dim behind_b = a.start[axis] - b.start[axis] - b.shape[axis];
    if (proven_nonnegative(behind_a, range) || proven_nonnegative(behind_b, range)) return true;
  }
  return false;
}

Storage storage_of(const Box& box, const Storage& outer, const Vec<Dim>& outer_shape) {
  Storage s = outer;
  for (size_t axis = 0; axis < outer_shape.size(); ++axis) {
    if (!box.spans(outer_shape, axis)) s.padding[axis] = {};
  }
  if (s.padding != outer.padding && !has_padding(s)) s.fill.reset();
  return s;
}

// ---- Verification -----------------------------------------------------------------------------

namespace {

Error storage_error(std::string what) { return {kInvalidStorage, "storage: " + std::move(what)}; }

// The digits of an axis, least significant first, must follow each other: each divides by the
// product of the extents of those before it, and only the last has no end.
Status verify_axis(const Storage& s, int axis) {
  Vec<PhysicalDim> parts;
  for (const PhysicalDim& d : s.dims) {
    if (d.axis == axis) parts.push_back(d);
  }
  std::sort(parts.begin(), parts.end(), [](auto& a, auto& b) { return a.div < b.div; });
  int64_t weight = 1;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i].div != weight || last != (parts[i].mod == 0)) {
      return storage_error("the parts of axis " + std::to_string(axis) + " leave a gap or overlap");
    }
    if (__builtin_mul_overflow(weight, parts[i].mod, &weight)) {
      return storage_error("the parts of axis " + std::to_string(axis) + " do not fit 64 bits");
    }
  }
  if (parts.empty()) return storage_error("axis " + std::to_string(axis) + " has no place");
  return {};
}

bool is_sound(const PhysicalDim& d, int rank) {
  return d.axis >= 0 && d.axis < rank && d.div >= 1 && d.mod >= 0;
}

bool is_sound(const AxisPadding& p) { return p.lo >= 0 && p.hi >= 0 && p.multiple >= 1; }

}  // namespace

Status verify(const Storage& s, int rank) {
  if (s.padding.size() != static_cast<size_t>(rank)) {
    return storage_error("paddings and axes differ in number");
  }
  for (const PhysicalDim& d : s.dims) {
    if (!is_sound(d, rank)) return storage_error("a dim names no axis, or divides by 0 or less");
  }
  for (const AxisPadding& p : s.padding) {
    if (!is_sound(p)) return storage_error("a padding is negative");
  }
  for (int axis = 0; axis < rank; ++axis) RLX_TRY_VOID(verify_axis(s, axis));
  return {};
}

}  // namespace rlx
