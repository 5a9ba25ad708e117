// Constants and dims in the text form: few elements by value, many by digest.
#pragma once
#include "ir/cursor.h"
#include "ir/text.h"

namespace rlx {

// "[1, 2, 3]", "0.5" where all elements are that, or "sha256:5f3a...".
std::string elements_text(const Constant& c);

// Reads elements_text, then ": type".
Result<Constant> parse_constant(Cursor& in, const ConstantSource& source);

// The extents of a type that a constant may have.
std::optional<Vec<int64_t>> constant_shape(const Type& t);

// Whether so many Dims may have that type.
bool fits_dims(const Type& t, size_t count);

// Bytes of a constant whose digest is known; none where there is no source.
Result<Constant> fetch_constant(const Digest& digest, DType dtype, Vec<int64_t> shape,
                                const ConstantSource& source);

}  // namespace rlx
