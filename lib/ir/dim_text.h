// Reading a Dim as a part of a longer text.
#pragma once
#include "ir/cursor.h"
#include "ir/dim.h"

namespace rlx {

Result<Dim> parse_dim(Cursor& in);
// "[a, b]".
Result<Vec<Dim>> parse_dims(Cursor& in);
// A symbol's name, in quotes where it needs them; as printed inside a Dim.
Result<std::string> parse_symbol(Cursor& in);
std::string symbol_text(const std::string& name);

}  // namespace rlx
