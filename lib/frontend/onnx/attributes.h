// A node's attributes into an operator's record, by name and type.
#pragma once
#include "frontend/onnx/call.h"

namespace rlx::onnx {

// Sets attrs from what call still has; one diagnostic for each attribute that the operator does not know
// (unless it says what rlx does anyway) or that is of another type.
Vec<Diagnostic> assign(const Call& call, Attrs& attrs);

// One for each attribute that a composition has not taken, unless it asks for nothing.
Vec<Diagnostic> check_taken(const Call& call);

}  // namespace rlx::onnx
