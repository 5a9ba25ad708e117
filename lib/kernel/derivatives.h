// Derivatives of the functions of kernel/functions.def, which names them; what they are given and
// give is said of Derive in kernel/functions.h.
#pragma once
#include "kernel/functions.h"

namespace rlx::derivative {

inline constexpr Derive none = nullptr;

#define RLX_DERIVATIVE(name) Vec<Real> name(std::span<const Real> x, Real value)
RLX_DERIVATIVE(add);
RLX_DERIVATIVE(sub);
RLX_DERIVATIVE(mul);
RLX_DERIVATIVE(div);
RLX_DERIVATIVE(rem);
RLX_DERIVATIVE(fma);
RLX_DERIVATIVE(neg);
RLX_DERIVATIVE(abs);
RLX_DERIVATIVE(sqrt);
// Of a function that is flat but for its steps.
RLX_DERIVATIVE(step);
RLX_DERIVATIVE(min);
RLX_DERIVATIVE(max);
RLX_DERIVATIVE(select);

#define RLX_FN(...)
#define RLX_MACRO(id, name, ...) RLX_DERIVATIVE(name);
#include "kernel/functions.def"
#undef RLX_MACRO
#undef RLX_FN
#undef RLX_DERIVATIVE

}  // namespace rlx::derivative
