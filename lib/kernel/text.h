// What the printer and the parser of kernels share: docs/kernel-text.md describes the form.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// The type that a node's function, operands and leaf give it; nullopt for constants and casts, and
// where an id is out of range. Text states a type only where it is not this one.
std::optional<DType> implied_type(const Kernel& k, const Stage& s, const Expr& e);
// "%12" stands for value 12 unless the text says another.
ValueId implied_value(std::string_view arg_name);
// One past the highest id of a loop, which loop_count is unless the text says so.
uint32_t implied_loop_count(const Kernel& k);
// Between the tensor and the value of a write.
std::string_view assignment(Combine c);
// "fill", ...; nothing where proven.
std::string_view word(Bounds::Rule rule);

}  // namespace rlx
