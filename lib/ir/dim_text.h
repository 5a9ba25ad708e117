// Reading a Dim as a part of a longer text.
#pragma once
#include "ir/cursor.h"
#include "ir/dim.h"

namespace rlx {

Result<Dim> parse_dim(Cursor& in);
// "[a, b]".
Result<Vec<Dim>> parse_dims(Cursor& in);

}  // namespace rlx
