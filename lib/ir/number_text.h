// Floats as the shortest text that reads back, with a point or an exponent.
#pragma once
#include <string>

#include "ir/cursor.h"

namespace rlx {

// NaN and infinities are nan, inf, -inf.
std::string float_text(float value);
std::string float_text(double value);
Result<float> parse_float(Cursor& in);
Result<double> parse_double(Cursor& in);

}  // namespace rlx
