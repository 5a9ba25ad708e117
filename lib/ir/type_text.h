// Reading a type as a part of a longer text.
#pragma once
#include "ir/cursor.h"
#include "ir/type.h"

namespace rlx {

Result<Type> parse_type(Cursor& in);

}  // namespace rlx
