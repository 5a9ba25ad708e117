// The equation of an einsum, "bij,bjk->bik", as labels of axes.
#pragma once
#include <optional>
#include <string_view>

#include "ir/dim.h"

namespace rlx {

// A letter; or, below 0, an axis of an ellipsis, -1 the last one.
using Label = int;

struct Equation {
  // Of each operand's axes, and of the output's.
  Vec<Vec<Label>> operands;
  Vec<Label> output;
};

// For operands of these ranks; nullopt where it is no equation, or not one for them. Without "->" the output has the axes
// of an ellipsis, and then the letters that stand once, in the order of the alphabet.
std::optional<Equation> parse_equation(std::string_view text, const Vec<int>& ranks);

bool has_label(const Vec<Label>& labels, Label l);

}  // namespace rlx
