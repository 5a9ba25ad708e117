// Stores what products multiply in 16 bits: --precision=bf16 or f16. Each matmul, gemm and conv of f32 becomes one of
// that type, its operands cast to it and its result cast back, as mixed precision does elsewhere: weights take half
// of their bytes, and what passes between two products does too. Their sums stay in f32, as of any floats of 16 bits;
// so does all that is no product: norms, softmax, reductions. The model's inputs and outputs keep their types.
//
// What a product reads in 16 bits everybody reads so, unless it is the user's: one activation is stored, not two.
//
// A product that an extent or an index is computed from is left alone (ir/index_sources.h).
#pragma once
#include "ir/graph.h"

namespace rlx {

// f32: changes nothing.
Status store_products_in(Graph& g, DType type);

// "f32", "bf16", "f16"; nullopt for others.
std::optional<DType> precision_named(std::string_view text);

}  // namespace rlx
