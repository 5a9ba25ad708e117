// How a tensor lies in memory. Operators never see it: an Access gives logical indexes, Access o
// Storage gives addresses (kernel/address.h).
//
// A Storage is a list of physical dims, outermost first. Each takes one logical axis, shifted by
// the axis's low halo, divided and reduced: coordinate = ((index + lo) floordiv div) mod mod. So
//   row-major [n, c, h, w]       n, c, h, w
//   channels-last                n, h, w, c
//   panels of 16 columns of B    n/16, k, n%16        (axis n twice: div 16, then mod 16)
// An axis has a halo of lo and hi elements around it and is padded at its end to a multiple of
// `multiple`; both hold `fill`.
//
// A constant may be stored transformed: its `form` says how, and dims and padding are those of the transformed
// tensor. Its elements are then nowhere in memory, so that no access addresses it; only an algorithm that asks
// for the form reads it.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "ir/cursor.h"
#include "ir/type.h"
#include "kernel/codes.h"

namespace rlx {

// A number of any dtype; integers and bools exactly.
struct Scalar {
  DType dtype = DType::kF32;
  double f = 0;
  int64_t i = 0;

  // The value rounded (for an integer: truncated and saturated) to the dtype.
  static Scalar of(DType dtype, double value);
  // The value reduced to the dtype's width.
  static Scalar of_int(DType dtype, int64_t value);
  double as_double() const { return is_float(dtype) ? f : static_cast<double>(i); }
  // By bits for floats: NaN equals itself, 0 differs from -0.
  bool operator==(const Scalar& o) const;
};
// "1.5", "1.0", "-inf", "nan", "3", "true": the shortest that reads back as the same number.
std::string to_text(const Scalar& s);
Result<Scalar> parse_scalar(Cursor& in, DType dtype);

// The element by itself, size_of(dtype) bytes; a bool is a byte of 0 or 1.
void to_bytes(const Scalar& s, std::byte* out);
Scalar scalar_at(DType dtype, const std::byte* in);
// Of an array in memory, where elements may share bytes.
Scalar element_at(DType dtype, const std::byte* array, int64_t i);

struct PhysicalDim {
  int axis = 0;
  int64_t div = 1;
  // 0: none.
  int64_t mod = 0;

  bool operator==(const PhysicalDim&) const = default;
};

struct AxisPadding {
  int64_t lo = 0, hi = 0;
  int64_t multiple = 1;

  bool operator==(const AxisPadding&) const = default;
};

enum class Form : uint8_t {
  kElements,
  // Weights [out, in, 3, 3] of a convolution for squares of 2 x 2 and 4 x 4 results (kernel/winograd.h).
  kWinograd2,
  kWinograd4,
};
// "elements", "winograd2", "winograd4".
std::string_view name(Form form);
std::optional<Form> form_named(std::string_view text);

struct Storage {
  Vec<PhysicalDim> dims;
  // One per logical axis.
  Vec<AxisPadding> padding;
  // What padding and halo hold; none: nothing may read them.
  std::optional<Scalar> fill;
  Form form = Form::kElements;

  static Storage row_major(int rank);
  // Unpadded, in that order of the logical axes, outermost first.
  static Storage ordered(const Vec<int>& axes);
  bool is_row_major() const;
  // Whether each axis of the elements is one physical dim: addresses are then affine in the indexes.
  bool is_plain() const;
  bool operator==(const Storage&) const = default;
};

// Whether who expects `wanted` can read `have`: the same dims, at least its halo and padding
// with its fill; on an axis that is divided the same low halo, since blocks begin there.
bool satisfies(const Storage& have, const Storage& wanted);
// Whether any axis has a halo or padding.
bool has_padding(const Storage& s);
// Whether a tensor of that type and shape can be stored in the form.
bool can_take(Form form, DType dtype, const Vec<Dim>& shape);

// The extent of logical axis `axis`, of the transformed tensor, with halo and padding.
Dim padded_extent(const Storage& s, const Vec<Dim>& shape, int axis);
// Extent and stride in elements of each physical dim; the innermost stride is 1.
Vec<Dim> physical_extents(const Storage& s, const Vec<Dim>& shape);
Vec<Dim> physical_strides(const Storage& s, const Vec<Dim>& shape);
// Elements that the storage takes, halo and padding included.
Dim storage_elements(const Storage& s, const Vec<Dim>& shape);
// The element offset of a logical index, not simplified.
Dim storage_offset(const Storage& s, const Vec<Dim>& shape, const Vec<Dim>& index);
// ---- Boxes ------------------------------------------------------------------------------------

// The elements [start, start + shape) of a tensor, per axis.
struct Box {
  Vec<Dim> start, shape;

  bool spans(const Vec<Dim>& outer, size_t axis) const {
    return start[axis].is(0) && shape[axis] == outer[axis];
  }
};
// Whether the box is shown to lie in a tensor of that shape.
bool is_inside(const Box& box, const Vec<Dim>& outer, const RangeOf& range);
// Whether the two are shown to have no element in common.
bool are_disjoint(const Box& a, const Box& b, const RangeOf& range);
// How a box of a tensor lies, which is plain, seen by itself: in the tensor's order, with its halo and padding
// along the axes that the box spans, and none along others: there its neighbours are.
Storage storage_of(const Box& box, const Storage& outer, const Vec<Dim>& outer_shape);

// Every element of that rank has one place of its own: axes and divisors in range, each axis taken
// apart into digits without gap or overlap. Otherwise says what is wrong (1xxx).
Status verify(const Storage& s, int rank);

// "row_major", or "[0, 2, 3, 1] pad {1: lo 1 hi 1, 3: to 16} fill 0.0"; a blocked axis is "1/16 ...
// 1%16".
std::string to_text(const Storage& s);
// Reads what to_text prints, for a tensor of that rank; `dtype` is the fill's.
Result<Storage> parse_storage(Cursor& in, int rank, DType dtype);
Result<Storage> parse_storage(std::string_view text, int rank, DType dtype);

}  // namespace rlx
